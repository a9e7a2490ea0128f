internal import Foundation
internal import NoemaTensor
internal import Testing

@testable internal import NoemaData

/// A tensor and the stored form that it is written in.
struct HDF5Stored: Sendable, CustomStringConvertible {
  let tensor: Tensor
  let element: HDF5Element
  let read: Tensor

  init(_ tensor: Tensor, as element: HDF5Element, read: Tensor? = nil) {
    self.tensor = tensor
    self.element = element
    self.read = read ?? tensor
  }

  var description: String { "\(tensor) as \(element)" }

  static let all = [
    HDF5Stored(Tensor(shape: [2, 3], [1, -2, 3, 0.5, .infinity, 6] as [Float]), as: .float32),
    HDF5Stored(Tensor(shape: [2, 1, 2, 1], [1, 2, 3, 4.25]), as: .float64),
    HDF5Stored(
      Tensor(shape: [2], [0.1, -1e30]), as: .float32, read: Tensor(shape: [2], [Float(0.1), Float(-1e30)])),
    HDF5Stored(Tensor(shape: [3], [Int32.min, 0, Int32.max]), as: .int32),
    HDF5Stored(Tensor(shape: [2], [Int64(0), 4_294_967_295]), as: .uint32),
    HDF5Stored(
      Tensor(shape: [2], [Int64(-128), 127]), as: .int8, read: Tensor(shape: [2], [Int8(-128), 127])),
    HDF5Stored(
      Tensor(shape: [2], [Int64(9), 65_535]), as: .uint16, read: Tensor(shape: [2], [UInt16(9), 65_535])),
    HDF5Stored(Tensor(shape: [2], [Int64(0), .max]), as: .uint64),
    HDF5Stored(Tensor(shape: [2, 2], [UInt8(0), 1, 128, 255]), as: .uint8),
    HDF5Stored(Tensor(shape: [1, 3], [true, false, true]), as: .bool),
    HDF5Stored(Tensor(Float(7)), as: .float32),
    HDF5Stored(Tensor(shape: [0, 4], [Float]()), as: .float32),
  ]
}

@Suite struct HDF5WriterTests {
  @Test(arguments: HDF5Stored.all)
  func roundTrip(stored: HDF5Stored) throws {
    let folder = try ScratchFolder()
    let writer = try HDF5Writer(path: folder.file("a.h5"))
    try writer.write(stored.tensor, to: "one/two", as: stored.element)
    try writer.finish()
    let file = try HDF5File(folder.file("a.h5"))
    #expect(try file.dataset("one/two") == HDF5Dataset(shape: stored.tensor.shape, element: stored.element))
    #expect(try file.read("one/two") == stored.read)
    #expect(folder.names == ["a.h5"])
  }

  @Test func rowsMayComeInParts() throws {
    let folder = try ScratchFolder()
    let writer = try HDF5Writer(path: folder.file("a.h5"))
    let values = Tensor(shape: [7, 2, 3], (0..<42).map { Float($0) })
    try writer.makeDataset("maps", shape: [7, 2, 3], element: .float32)
    try writer.makeDataset("group/index", shape: [7], element: .uint32)
    try writer.makeDataset("none", shape: [0, 3], element: .int16)
    for rows in [0..<3, 3..<3, 3..<4, 4..<7] {
      try writer.append(values.rows(rows), to: "maps")
      try writer.append(Tensor(shape: [rows.count], rows.map { Int64($0) }), to: "/group/index")
    }
    try writer.finish()
    let file = try HDF5File(folder.file("a.h5"))
    #expect(try file.read("maps") == values)
    #expect(try file.read("group/index") == Tensor(shape: [7], (0..<7).map { Int64($0) }))
    #expect(try file.read("none") == Tensor(shape: [0, 3], [Int16]()))
    #expect(try file.names() == ["group", "maps", "none"])
  }

  @Test func attributesAndGroups() throws {
    let folder = try ScratchFolder()
    let writer = try HDF5Writer(path: folder.file("a.h5"))
    try writer.makeGroup("empty/inner")
    try writer.write(Tensor(shape: [2], [1.0, 2]), to: "x")
    try writer.setAttribute("eigenvalue", of: "x", to: Tensor(shape: [2], [1.5, 0.0]), as: .float32)
    try writer.setAttribute("k", of: "x", to: Tensor(Int64(4)))
    try writer.setAttribute("index", of: "x", to: Tensor(shape: [2], [Int64(0), 1]), as: .uint32)
    try writer.setAttribute("embedding", of: "x", to: "spektral, ä")
    try writer.setAttribute("title", of: "/", to: "")
    try writer.finish()
    let file = try HDF5File(folder.file("a.h5"))
    #expect(
      try file.attribute("eigenvalue", of: "x") == .numbers(Tensor(shape: [2], [Float(1.5), 0])))
    #expect(try file.attribute("k", of: "x") == .numbers(Tensor(Int64(4))))
    #expect(try file.attribute("index", of: "x").doubles == [0, 1])
    #expect(try file.attribute("embedding", of: "x") == .text("spektral, ä"))
    #expect(try file.attribute("title") == .text(""))
    #expect(try file.names(in: "empty") == ["inner"] && file.names(in: "empty/inner") == [])
  }

  @Test func theSameContentGivesTheSameBytes() throws {
    let folder = try ScratchFolder()
    let paths = ["a.h5", "b.h5"].map(folder.file)
    for path in paths {
      let writer = try HDF5Writer(path: path)
      try writer.write(Tensor(shape: [3], [1.0, 2, 3]), to: "x/y")
      try writer.finish()
    }
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: paths[0])) == Data(contentsOf: URL(fileURLWithPath: paths[1]))
    )
  }

  @Test func nothingHalfWrittenIsLeft() throws {
    let folder = try ScratchFolder()
    let path = folder.file("a.h5")
    try WholeFile.write(Array("older".utf8), to: path)
    do {
      let writer = try HDF5Writer(path: path)
      try writer.write(Tensor(1.0), to: "x")
    }
    let writer = try HDF5Writer(path: path)
    try writer.makeDataset("rows", shape: [3, 2], element: .float32)
    try writer.append(Tensor(shape: [2, 2], repeating: Float(0)), to: "rows")
    #expect(
      dataError { try writer.finish() }?.description == "\(path): /rows: found shape [2, 2], expected [3, 2]")
    #expect(folder.names == ["a.h5"])
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("older".utf8))
    #expect(
      dataError { try writer.write(Tensor(1.0), to: "y") }?.description
        == "\(path): the file is finished; nothing can be added")
  }

  @Test func misfitsAreNamed() throws {
    let folder = try ScratchFolder()
    let path = folder.file("a.h5")
    let writer = try HDF5Writer(path: path)
    try writer.makeDataset("rows", shape: [3, 2], element: .uint16)
    let cases: [(String, () throws -> Void)] = [
      (
        "/x: 65536 cannot be stored as uint16; expected 0 to 65535",
        { try writer.write(Tensor(Int64(65_536)), to: "x", as: .uint16) }
      ),
      (
        "/x: -1 cannot be stored as uint32; expected 0 to 4294967295",
        { try writer.write(Tensor(shape: [2], [Int32(4), -1]), to: "x", as: .uint32) }
      ),
      (
        "/x: elements of float32 cannot be stored as int32; convert them",
        { try writer.write(Tensor(Float(1)), to: "x", as: .int32) }
      ),
      (
        "/x: elements of uint8 cannot be stored as bool; convert them",
        { try writer.write(Tensor(UInt8(1)), to: "x", as: .bool) }
      ),
      (
        "/rows: found shape [4, 2], expected [3, 2]",
        { try writer.append(Tensor(shape: [4, 2], repeating: UInt16(0)), to: "rows") }
      ),
      (
        "/rows: found shape [1, 3], expected [3, 2]",
        { try writer.append(Tensor(shape: [1, 3], repeating: UInt16(0)), to: "rows") }
      ),
      (
        "/other: no data set of that name waits for rows; make it before",
        { try writer.append(Tensor(UInt16(0)), to: "other") }
      ),
      (
        "no object named '/row'; did you mean '/rows'?",
        { try writer.setAttribute("a", of: "row", to: "b") }
      ),
    ]
    for (message, body) in cases { #expect(dataError(body)?.description == "\(path): \(message)") }
    #expect(dataError { try writer.makeGroup("rows") }?.category == .inputOutput)
    #expect(dataError { _ = try HDF5Writer(path: folder.file("no/a.h5")) }?.kind == .missingFile)
    #expect(dataError { _ = try HDF5Writer(path: folder.path + "/") }?.category == .usage)
  }
}
