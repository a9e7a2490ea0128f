internal import Foundation
internal import NoemaTensor
internal import Testing

@testable internal import NoemaData

/// A file of h5py's on disk.
struct HDF5Golden: Sendable, CustomStringConvertible {
  let name: String
  let base64: String
  let byteCount: Int

  var description: String { name }

  static let all = [
    HDF5Golden(name: "early", base64: HDF5Goldens.early, byteCount: 21868),
    HDF5Golden(name: "late", base64: HDF5Goldens.late, byteCount: 13292),
  ]

  func write(into folder: ScratchFolder) throws -> String {
    let path = folder.file("\(name).h5")
    try WholeFile.write(try HDF5Goldens.bytes(base64, count: byteCount), to: path)
    return path
  }
}

@Suite struct HDF5FileTests {
  @Test(arguments: HDF5Golden.all)
  func readsWhatH5pyWrites(golden: HDF5Golden) throws {
    let folder = try ScratchFolder()
    let file = try HDF5File(golden.write(into: folder))
    let types: [(String, HDF5Element, ElementType)] = [
      ("f2", .float16, .float32), ("f8", .float64, .float64), ("i2", .int16, .int16), ("u4", .uint32, .int64),
      ("u8", .uint64, .int64),
    ]
    for (name, element, type) in types {
      #expect(try file.dataset(name) == HDF5Dataset(shape: [2, 3], element: element))
      let tensor = try file.read(name)
      #expect(tensor.elementType == type && tensor.shape == [2, 3])
      #expect(tensor.converted(to: .float64).elements(as: Double.self) == [0, 1, 2, 3, 100, 5])
      #expect(
        try file.read(name, rows: 1..<2).converted(to: .float64).elements(as: Double.self) == [3, 100, 5])
    }
    #expect(try file.read("flag") == Tensor(shape: [3], [true, false, true]))
    #expect(try file.read("scalar") == Tensor(2.5))
    #expect(try file.read("/packed/", rows: 3..<5) == Tensor(shape: [2, 100], (300..<500).map { Int32($0) }))
    #expect(try file.read("packed", rows: 4..<4).shape == [0, 100])
    #expect(try file.names(in: "00000003/embedding") == ["spectral"])
    #expect(try file.isGroup("00000003") && !file.isGroup("f8"))
    #expect(try file.names().contains("virtual"))
  }

  @Test(arguments: HDF5Golden.all)
  func readsAttributes(golden: HDF5Golden) throws {
    let folder = try ScratchFolder()
    let file = try HDF5File(golden.write(into: folder))
    let path = "00000003/embedding/spectral"
    #expect(try file.attribute("eigenvalue", of: path) == .numbers(Tensor(shape: [2], [Float(0.5), 0])))
    #expect(try file.attribute("k", of: path).doubles == [3])
    #expect(try file.attribute("embedding", of: path) == .text("spectral"))
    #expect(try file.attribute("fixed", of: path) == .text("ascii"))
    let missing = dataError { _ = try file.attribute("gap", of: path) }
    #expect(missing?.description == "\(file.path): /\(path): no attribute named 'gap'")
  }

  @Test(arguments: HDF5Golden.all)
  func refusesWithReasons(golden: HDF5Golden) throws {
    let folder = try ScratchFolder()
    let file = try HDF5File(golden.write(into: folder))
    let path = file.path
    let cases: [(String, String)] = [
      (
        "words",
        "/words: elements that are neither numbers nor truth values; save each field as an array of its own"
      ),
      (
        "pair",
        "/pair: elements that are neither numbers nor truth values; save each field as an array of its own"
      ),
      ("nothing", "/nothing: the space of its elements is empty"),
      (
        "large",
        "/large: an unsigned integer above 2^63 - 1; convert with array.astype('float64')"
      ),
      ("lzf", "/lzf: written through filter 32000, which is not HDF5's own; use gzip or no filter"),
      ("soft", "'/soft' is a link to another place, which is not followed; copy what it means"),
      ("external", "'/external' is a link to another place, which is not followed; copy what it means"),
      ("outside", "/outside: its elements lie in other files; copy them into one file"),
      ("virtual", "/virtual: its elements lie in other files; copy them into one file"),
      ("unwritten", "/unwritten: shape [17179869184] is more than its 0 stored bytes can hold"),
      ("sparse", "/sparse: shape [17179869184] is more than its 0 stored bytes can hold"),
      ("wide", "/wide: chunks of 536870912 elements, at most 1 GiB are read at once"),
      ("00000003", "/00000003: this is a group, not a data set; name one of those in it"),
      ("00000003/embeding", "no object named '/00000003/embeding'; did you mean '/00000003/embedding'?"),
      ("f8/x", "'/f8/x' lies in a data set, which holds no objects"),
      ("a//b", "'a//b' is no path of names and single slashes, such as '/group/dataset'"),
    ]
    for (name, message) in cases {
      #expect(dataError { _ = try file.read(name) }?.description == "\(path): \(message)")
    }
    for rows in [1..<3, -1..<1] {
      #expect(dataError { _ = try file.read("f8", rows: rows) }?.category == .usage)
    }
    #expect(dataError { _ = try file.read("scalar", rows: 0..<1) }?.category == .usage)
    #expect(dataError { _ = try file.names(in: "f8") }?.description == "\(path): /f8: this is not a group")
  }

  @Test func otherFilesAreNamed() throws {
    let folder = try ScratchFolder()
    #expect(dataError { _ = try HDF5File(folder.file("none.h5")) }?.kind == .missingFile)
    #expect(dataError { _ = try HDF5File(folder.path) }?.category == .inputOutput)
    for bytes in [[], Array("no HDF5".utf8), [UInt8](repeating: 0, count: 4096)] {
      try WholeFile.write(bytes, to: folder.file("other.h5"))
      let error = dataError { _ = try HDF5File(folder.file("other.h5")) }
      #expect(error?.description.contains("this is no HDF5 file that can be read") == true)
    }
  }

  @Test func cutFilesAreRefused() throws {
    let folder = try ScratchFolder()
    let bytes = try HDF5Goldens.bytes(HDF5Goldens.early, count: 21868)
    for length in stride(from: 0, to: bytes.count, by: 997) {
      try WholeFile.write(Array(bytes[..<length]), to: folder.file("cut.h5"))
      #expect(throws: DataError.self) { try HDF5File(folder.file("cut.h5")).read("f8") }
    }
  }

  @Test func threadsTakeTurns() async throws {
    let folder = try ScratchFolder()
    let file = try HDF5File(HDF5Golden.all[0].write(into: folder))
    let sums = try await withThrowingTaskGroup(of: Double.self) { group in
      for row in 0..<10 {
        group.addTask {
          let values = try file.read("packed", rows: row..<row + 1).converted(to: .float64)
          return values.elements(as: Double.self).reduce(0, +)
        }
      }
      var sums: [Double] = []
      for try await sum in group { sums.append(sum) }
      return sums
    }
    #expect(sums.reduce(0, +) == 499_500)
  }
}
