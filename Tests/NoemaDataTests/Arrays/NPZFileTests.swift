internal import Foundation
internal import NoemaTensor
internal import Testing

@testable internal import NoemaData

@Suite struct NPZFileTests {
  private let stored = ArrayGoldens.bytes(ArrayGoldens.archive)
  private let packed = ArrayGoldens.bytes(ArrayGoldens.packedArchive)
  private let x = Tensor(shape: [2, 3], [0, 1, 2, 3, 4, 5] as [Float])

  @Test func readsStoredAndPacked() throws {
    let archive = try NPZFile(bytes: stored)
    #expect(archive.names == ["x", "labels"])
    #expect(try archive.array(named: "x") == x)
    #expect(try archive.arrays()["labels"] == Tensor(shape: [3], [3, 1, 2] as [Int64]))
    let small = try NPZFile(bytes: packed)
    #expect(try small.array(named: "x") == x)
    #expect(try small.array(named: "zeros") == Tensor(shape: [5000], repeating: Float(0)))
  }

  @Test func readsZip64() throws {
    let bytes = ArrayGoldens.bytes(ArrayGoldens.zip64Archive)
    #expect(try NPZFile(bytes: bytes).arrays() == ["x": x])
    readDamaged(bytes) { _ = try NPZFile(bytes: $0, maximumByteCount: 1 << 20).arrays() }
  }

  @Test func readsFromAFile() throws {
    let folder = try ScratchFolder()
    try AtomicFile.write(packed, to: folder.file("a.npz"))
    #expect(try NPZFile(path: folder.file("a.npz")).array(named: "x") == x)
  }

  @Test func unknownNamesAreSuggested() throws {
    let archive = try NPZFile(bytes: stored, at: "a.npz")
    let error = dataError { _ = try archive.array(named: "label") }
    #expect(error?.description == "a.npz: no array named 'label'; did you mean 'labels'?")
  }

  @Test func checksumsAreCompared() throws {
    var damaged = stored
    // The last byte of the first array stands right before the second local header.
    let second = try #require(
      damaged.indices.dropFirst().first { damaged[$0...].starts(with: [0x50, 0x4B, 3, 4]) })
    damaged[second - 1] ^= 1
    let archive = try NPZFile(bytes: damaged, at: "a.npz")
    let error = dataError { _ = try archive.array(named: "x") }
    #expect(error?.description == "a.npz[x]: the checksum differs; the archive is damaged")
  }

  @Test func limitsAreKept() throws {
    let archive = try NPZFile(bytes: packed, at: "a.npz", maximumByteCount: 1000)
    let error = dataError { _ = try archive.array(named: "zeros") }
    #expect(error?.description == "a.npz: the arrays unpack to 20128 bytes, the limit is 1000")
    #expect(dataError { _ = try archive.arrays() }?.description.contains("the limit is 1000") == true)
    #expect(try archive.array(named: "x") == x)
  }

  @Test func impossibleRatiosAreRefused() throws {
    var lying = packed
    let name = try #require(lying.indices.last { lying[$0...].starts(with: Array("zeros.npy".utf8)) })
    // The unpacked size stands 22 bytes before the name in the directory: claim 3.75 GB.
    lying.replaceSubrange(name - 22..<name - 18, with: [0, 0, 0, 0xE0])
    let archive = try NPZFile(bytes: lying, at: "a.npz")
    let error = dataError { _ = try archive.array(named: "zeros") }
    #expect(error?.description.contains("are too few for the 3758096384 claimed") == true)
  }

  @Test func damagedArchivesAreRefused() {
    readDamaged(stored) { _ = try NPZFile(bytes: $0, maximumByteCount: 1 << 20).arrays() }
    readDamaged(packed) { _ = try NPZFile(bytes: $0, maximumByteCount: 1 << 20).arrays() }
  }

  @Test func noArchive() {
    #expect(throws: DataError.self) { _ = try NPZFile(bytes: []) }
    #expect(throws: DataError.self) { _ = try NPZFile(bytes: [UInt8](repeating: 0x50, count: 100_000)) }
  }
}
