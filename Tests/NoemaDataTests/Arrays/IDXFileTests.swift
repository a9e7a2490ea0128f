internal import Foundation
internal import NoemaTensor
internal import Testing

@testable internal import NoemaData

@Suite struct IDXFileTests {
  private let plain: [UInt8] = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3] + (0..<12)
  private let packed = ArrayGoldens.bytes(ArrayGoldens.idxGzip)
  private let images = Tensor(shape: [2, 2, 3], (0..<12).map { UInt8($0) })

  @Test func readsPlainAndPacked() throws {
    #expect(try IDXFile.tensor(of: plain) == images)
    #expect(try IDXFile.tensor(of: packed) == images)
  }

  @Test func readsEveryType() throws {
    func read(_ type: UInt8, _ payload: [UInt8]) throws -> Tensor {
      try IDXFile.tensor(of: [0, 0, type, 1, 0, 0, 0, 2] + payload)
    }
    #expect(try read(0x09, [1, 0xFE]) == Tensor(shape: [2], [1, -2] as [Int8]))
    #expect(try read(0x0B, [1, 0, 0xFF, 0xFE]) == Tensor(shape: [2], [256, -2] as [Int16]))
    #expect(
      try read(0x0C, [0, 0, 1, 0, 0xFF, 0xFF, 0xFF, 0xFE]) == Tensor(shape: [2], [256, -2] as [Int32]))
    #expect(try read(0x0D, [0x3F, 0x80, 0, 0, 0xC0, 0, 0, 0]) == Tensor(shape: [2], [1, -2] as [Float]))
    let doubles: [UInt8] = [0x3F, 0xF0, 0, 0, 0, 0, 0, 0, 0xC0, 0, 0, 0, 0, 0, 0, 0]
    #expect(try read(0x0E, doubles) == Tensor(shape: [2], [1, -2] as [Double]))
  }

  @Test func wrongFilesAreNamed() {
    let magic = dataError { _ = try IDXFile.tensor(of: Array("hello".utf8), at: "a.idx") }
    #expect(magic?.description == "a.idx: this is not an IDX file; its first bytes are [104, 101, 108, 108]")
    let size = dataError { _ = try IDXFile.tensor(of: plain + [1], at: "a.idx") }
    #expect(size?.description == "a.idx: 13 bytes follow the header, but shape [2, 2, 3] of |u1 takes 12")
    let huge: [UInt8] = [0, 0, 8, 4] + [UInt8](repeating: 0xFF, count: 16)
    #expect(throws: DataError.self) { _ = try IDXFile.tensor(of: huge) }
    let none: [UInt8] = [0, 0, 8, 2, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]
    #expect((try? IDXFile.tensor(of: none))?.count == 0)
  }

  @Test func damagedFilesAreRefused() {
    readDamaged(plain) { _ = try IDXFile.tensor(of: $0) }
    readDamaged(packed) { _ = try IDXFile.tensor(of: $0) }
  }

  @Test func readsFashionMNIST() throws {
    let folder = "/usr/share/datasets/fashion-mnist"
    guard FileManager.default.fileExists(atPath: folder) else { return }
    let images = try IDXFile.read("\(folder)/t10k-images-idx3-ubyte.gz")
    let labels = try IDXFile.read("\(folder)/t10k-labels-idx1-ubyte.gz").elements(as: UInt8.self)
    #expect(images.shape == [10000, 28, 28])
    #expect((0..<10).allSatisfy { label in labels.count { $0 == label } == 1000 })
  }
}
