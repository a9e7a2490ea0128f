internal import Foundation
internal import NoemaTensor
internal import Testing

@testable internal import NoemaData

@Suite struct NPYFileTests {
  @Test(arguments: ArrayGoldens.types.map(\.name))
  func readsEveryType(name: String) throws {
    let golden = try #require(ArrayGoldens.types.first { $0.name == name })
    let tensor = try NPYFile.tensor(of: ArrayGoldens.bytes(golden.base64))
    #expect(tensor.shape == [2, 3])
    #expect(tensor.converted(to: .float64).elements(as: Double.self) == [0, 1, 2, 3, 100, 5])
    let expected: [String: ElementType] = [
      "f2": .float32, "f4": .float32, "f8": .float64, "i1": .int8, "i2": .int16, "i4": .int32, "i8": .int64,
      "u1": .uint8, "u2": .uint16, "u4": .int64, "u8": .int64,
    ]
    #expect(tensor.elementType == expected[String(name.dropFirst())])
  }

  @Test func readsFortranOrder() throws {
    let tensor = try NPYFile.tensor(of: ArrayGoldens.bytes(ArrayGoldens.fortran))
    #expect(tensor == Tensor(shape: [2, 3, 4], (0..<24).map { Int16($0) }))
  }

  @Test func readsVersionsScalarsTruthAndEmpty() throws {
    let range = Tensor(shape: [3], [0.0, 1, 2])
    #expect(try NPYFile.tensor(of: ArrayGoldens.bytes(ArrayGoldens.version2)) == range)
    #expect(try NPYFile.tensor(of: ArrayGoldens.bytes(ArrayGoldens.version3)) == range)
    #expect(try NPYFile.tensor(of: ArrayGoldens.bytes(ArrayGoldens.scalar)) == Tensor(2.5))
    #expect(
      try NPYFile.tensor(of: ArrayGoldens.bytes(ArrayGoldens.truth))
        == Tensor(shape: [3], [true, false, true]))
    #expect(try NPYFile.tensor(of: ArrayGoldens.bytes(ArrayGoldens.noRows)).shape == [0, 3])
  }

  @Test func halfPrecisionIsExact() throws {
    let tensor = try NPYFile.tensor(of: ArrayGoldens.bytes(ArrayGoldens.half))
    #expect(tensor.elements(as: Float.self) == [1, -2, 65504, 0x1p-24, -0x1p-14, .infinity])
    #expect(HalfFloat.float32(0x7E00).isNaN)
    #expect(HalfFloat.float32(0x8000).sign == .minus)
  }

  @Test func bytesAreThoseOfNumPy() throws {
    for name in ["<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2"] {
      let golden = try #require(ArrayGoldens.types.first { $0.name == name })
      let bytes = ArrayGoldens.bytes(golden.base64)
      #expect(NPYFile.bytes(of: try NPYFile.tensor(of: bytes)) == bytes, "\(name)")
    }
    for base64 in [ArrayGoldens.scalar, ArrayGoldens.truth, ArrayGoldens.noRows] {
      let bytes = ArrayGoldens.bytes(base64)
      #expect(NPYFile.bytes(of: try NPYFile.tensor(of: bytes)) == bytes)
    }
  }

  @Test func unsuitableTypesAreNamed() {
    let complex = dataError {
      _ = try NPYFile.tensor(of: ArrayGoldens.bytes(ArrayGoldens.complex), at: "z.npy")
    }
    #expect(
      complex?.description
        == "z.npy: elements of type '<c16'; convert with array.astype('float32') and save again")
    let fields = dataError {
      _ = try NPYFile.tensor(of: ArrayGoldens.bytes(ArrayGoldens.structured), at: "s.npy")
    }
    #expect(fields?.description == "s.npy: a structured array; save each field as an array of its own")
  }

  @Test func unsignedBeyondInt64IsRefused() throws {
    var bytes = NPYFile.bytes(of: Tensor(shape: [1], [Int64(-1)]))
    let type = try #require(bytes.indices.first { bytes[$0...].starts(with: Array("<i8".utf8)) })
    bytes[type + 1] = UInt8(ascii: "u")
    #expect(
      dataError { _ = try NPYFile.tensor(of: bytes, at: "a.npy") }?.description
        == "a.npy: an unsigned integer above 2^63 - 1; convert with array.astype('float64')")
  }

  @Test(arguments: [
    "(4611686018427387904, 4)", "(99999999999999999999,)", "(-1,)",
    "(0, 4611686018427387904, 4611686018427387904)",
    "(3, 3)", "(" + String(repeating: "1,", count: 65) + ")", "(2", "2", "(2,,)",
  ])
  func hostileShapesAreRefused(shape: String) {
    let text = "{'descr': '<f4', 'fortran_order': False, 'shape': \(shape), }\n"
    let header: [UInt8] =
      [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count & 255), UInt8(text.utf8.count >> 8)]
    #expect(throws: DataError.self) {
      _ = try NPYFile.tensor(of: header + Array(text.utf8) + [UInt8](repeating: 0, count: 8))
    }
  }

  @Test func sizeMustMatch() {
    let bytes = NPYFile.bytes(of: Tensor(shape: [2, 2], [Float](repeating: 1, count: 4)))
    let error = dataError { _ = try NPYFile.tensor(of: bytes + [0], at: "a.npy") }
    #expect(error?.description == "a.npy: 17 bytes follow the header, but shape [2, 2] of <f4 takes 16")
  }

  @Test func damagedFilesAreRefused() {
    for base64 in [ArrayGoldens.fortran, ArrayGoldens.version2, ArrayGoldens.truth, ArrayGoldens.half] {
      readDamaged(ArrayGoldens.bytes(base64)) { _ = try NPYFile.tensor(of: $0) }
    }
  }

  @Test func writesAtomically() throws {
    let folder = try ScratchFolder()
    let path = folder.file("a.npy")
    try NPYFile.write(Tensor(shape: [1], [Float(1)]), to: path)
    let tensor = Tensor(shape: [2, 2], [1.5, 2, 3, 4] as [Float])
    try NPYFile.write(tensor, to: path)
    #expect(try NPYFile.read(path) == tensor)
    #expect(folder.names == ["a.npy"])
  }

  @Test func systemFailuresAreTold() throws {
    let folder = try ScratchFolder()
    let missing = dataError { _ = try NPYFile.read(folder.file("none.npy")) }
    #expect(missing?.kind == .missingFile)
    #expect(dataError { _ = try NPYFile.read(folder.path) }?.category == .inputOutput)
    let noFolder = dataError { try NPYFile.write(Tensor(Float(1)), to: folder.file("no/a.npy")) }
    #expect(noFolder?.kind == .missingFile)
    // Renaming a file onto a folder fails after everything was written; nothing stays behind.
    try FileManager.default.createDirectory(atPath: folder.file("a.npy"), withIntermediateDirectories: false)
    let isFolder = dataError { try NPYFile.write(Tensor(Float(1)), to: folder.file("a.npy")) }
    #expect(isFolder?.description == "\(folder.file("a.npy")): cannot rename: Is a directory")
    #expect(folder.names == ["a.npy"])
  }

  @Test func fullDiskIsTold() throws {
    let descriptor = Foundation.open("/dev/full", O_WRONLY)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    let error = dataError {
      try [UInt8](repeating: 0, count: 100).withUnsafeBytes {
        try AtomicFile.write($0, to: descriptor, path: "a.npy")
      }
    }
    #expect(error?.description == "a.npy: cannot write: No space left on device")
    #expect(error?.category == .inputOutput)
  }

  @Test func writerAppendsRows() throws {
    let folder = try ScratchFolder()
    let path = folder.file("rows.npy")
    let tensor = Tensor(shape: [5, 2, 3], (0..<30).map(Float.init))
    var writer = try NPYWriter(path: path, shape: [5, 2, 3], elementType: .float32)
    try writer.append(tensor.rows(0..<2))
    #expect(folder.names.allSatisfy { $0 != "rows.npy" })
    try writer.append(tensor.rows(2..<5))
    try writer.finish()
    #expect(try NPYFile.read(path) == tensor)
    #expect(folder.names == ["rows.npy"])
  }

  @Test func writerRefusesWhatDoesNotFit() throws {
    let folder = try ScratchFolder()
    do {
      var writer = try NPYWriter(path: folder.file("a.npy"), shape: [2, 3], elementType: .float32)
      let row = Tensor(shape: [1, 3], [1, 2, 3] as [Float])
      try writer.append(row)
      #expect(throws: DataError.self) { _ = try NPYWriter(path: "x.npy", shape: [], elementType: .bool) }
      do {
        try writer.append(Tensor(shape: [2, 3], [Float](repeating: 0, count: 6)))
        Issue.record("two rows were taken where one was left")
      } catch { #expect(error.kind == .shape(found: [2, 3], expected: [1, 3])) }
      do {
        try writer.append(Tensor(shape: [1, 3], [1.0, 2, 3]))
        Issue.record("float64 was taken")
      } catch { #expect(error.category == .usage) }
      do {
        try writer.finish()
        Issue.record("a file with a missing row was finished")
      } catch { #expect(error.kind == .shape(found: [1, 3], expected: [2, 3])) }
    }
    #expect(folder.names.isEmpty)
  }
}

@Suite struct MappedNPYTests {
  @Test(arguments: ["<f4", ">f4", "<f2", "<u2", ">i8"])
  func blocksAreThoseOfTheArray(name: String) throws {
    let folder = try ScratchFolder()
    let golden = try #require(ArrayGoldens.types.first { $0.name == name })
    let path = folder.file("a.npy")
    try AtomicFile.write(ArrayGoldens.bytes(golden.base64), to: path)
    let mapped = try MappedNPY(path: path)
    let whole = try NPYFile.read(path)
    #expect(mapped.shape == [2, 3])
    #expect(mapped.elementType == whole.elementType)
    #expect(try mapped.rows(1..<2) == whole.rows(1..<2))
    #expect(try mapped.rows(0..<0).shape == [0, 3])
    #expect(try block(mapped, rows: 0..<2, columns: 1..<3) == [1, 2, 100, 5])
    #expect(try block(mapped, rows: 1..<2, columns: 0..<3) == [3, 100, 5])
    #expect(try block(mapped, rows: 0..<2, columns: 2..<2) == [])
  }

  /// Rows of 20,000 bytes are read a call each, narrower ones together.
  @Test(arguments: [7, 5000])
  func columnBlocks(width: Int) throws {
    let folder = try ScratchFolder()
    let tensor = Tensor(shape: [90, width], (0..<90 * width).map(Float.init))
    try NPYFile.write(tensor, to: folder.file("a.npy"))
    let mapped = try MappedNPY(path: folder.file("a.npy"))
    let inMemory = try TensorFeatures(tensor)
    for (rows, columns) in [(3..<88, 2..<5), (0..<90, 0..<width), (89..<90, width - 1..<width)] {
      #expect(
        try block(mapped, rows: rows, columns: columns) == block(inMemory, rows: rows, columns: columns))
    }
  }

  @Test func unsuitableFilesAreRefused() throws {
    let folder = try ScratchFolder()
    for base64 in [ArrayGoldens.fortran, ArrayGoldens.scalar] {
      try AtomicFile.write(ArrayGoldens.bytes(base64), to: folder.file("a.npy"))
      let error = dataError { _ = try MappedNPY(path: folder.file("a.npy")) }
      guard case .unsupported = error?.kind else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
  }

  @Test func fileShortenedWhileOpenIsAnError() throws {
    let folder = try ScratchFolder()
    let path = folder.file("a.npy")
    try NPYFile.write(Tensor(shape: [100], [Float](repeating: 1, count: 100)), to: path)
    let mapped = try MappedNPY(path: path)
    #expect(truncate(path, 200) == 0)
    #expect(throws: DataError.self) { _ = try mapped.rows(90..<100) }
  }
}

/// A block of a feature matrix.
func block(_ features: some FeatureMatrix, rows: Range<Int>, columns: Range<Int>) throws -> [Float] {
  var result = [Float](repeating: .nan, count: rows.count * columns.count)
  try result.withUnsafeMutableBufferPointer { try features.copyBlock(rows: rows, columns: columns, to: $0) }
  return result
}
