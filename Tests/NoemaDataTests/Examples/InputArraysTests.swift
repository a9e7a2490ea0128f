import Foundation
import NoemaData
import NoemaTensor
import NoemaTestSupport
import Testing

@Suite struct InputArraysTests {
  private let ids = Tensor(shape: [3, 2], [1, 2, 3, 4, 5, 6] as [Int64])
  private let ages = Tensor(shape: [3, 1], [0.5, 1.5, 2.5] as [Float])

  private func write(_ arrays: KeyValuePairs<String, Tensor>, to path: String) throws {
    try Data(ArchiveDraft.bytes(arrays)).write(to: URL(fileURLWithPath: path))
  }

  @Test func everyInputHasItsArray() throws {
    let folder = try ScratchFolder(), labels = Tensor(shape: [3], [2, 0, 1] as [Int64])
    try write(["age": ages, "labels": labels, "ids": ids], to: folder.file("x.npz"))
    let inputs = try InputArrays(path: folder.file("x.npz"), inputs: ["ids", "age"])
    #expect(inputs.arrays == [ids, ages] && inputs.labels == ["2", "0", "1"])
    #expect(inputs.count == 3 && inputs.exampleShape == [2] && inputs.name(of: 1) == "x.npz[1]")
    #expect(inputs.rows(1..<3) == [ids.rows(1..<3), ages.rows(1..<3)])
    let first = inputs.prefix(2)
    #expect(first.count == 2 && first.labels == ["2", "0"] && inputs.prefix(9).count == 3)
    #expect(try inputs.tensor(at: 1).elements(as: Float.self) == [3, 4])
  }

  /// Equal contents have equal hashes, and every input counts.
  @Test func hashesCoverAllInputs() throws {
    let one = try InputArrays([ids, ages], names: ["ids", "age"], name: "a")
    let other = Tensor(shape: [3, 1], [0.5, 9, 2.5] as [Float])
    let two = try InputArrays([ids, other], names: ["ids", "age"], name: "b")
    #expect(try one.contentHash(of: 0) == two.contentHash(of: 0))
    #expect(try one.contentHash(of: 1) != two.contentHash(of: 1))
    #expect(try one.contentHash(of: 0) != one.contentHash(of: 2))
  }

  @Test func aSingleInputMayBeNamedOtherwise() throws {
    let folder = try ScratchFolder()
    try write(["tokens": ids], to: folder.file("one.npz"))
    #expect(try InputArrays(path: folder.file("one.npz"), inputs: ["input_ids"]).arrays == [ids])
    let several = folder.file("several.npz")
    try write(["tokens": ids, "age": ages], to: several)
    #expect(try InputArrays(path: several, inputs: ["input_ids"], array: "tokens").arrays == [ids])
    let error = dataError { _ = try InputArrays(path: several, inputs: ["token"]) }
    #expect(error?.kind == .unknownName("token", what: "array", suggestions: ["tokens"]))
    try NPYFile.write(ids, to: folder.file("ids.npy"))
    #expect(try InputArrays(path: folder.file("ids.npy"), inputs: ["input_ids"]).arrays == [ids])
    let two = dataError { _ = try InputArrays(path: folder.file("ids.npy"), inputs: ["a", "b"]) }
    #expect(two?.description.contains("several inputs come from a .npz file with the arrays a, b") == true)
  }

  @Test func arraysMustFitEachOther() {
    let short = Tensor(shape: [2, 1], [1, 2] as [Float])
    let hole = Tensor(shape: [3, 1], [1, .nan, 2] as [Float])
    let cases: [([Tensor], String)] = [
      ([ids, short], "x[b]: 2 examples, but 'a' has 3"),
      ([ids, hole], "x[b]: value 0 of example 1 is NaN or infinite; clean the data"),
      ([Tensor(Float(1)), ids], "x[a]: the array is empty"),
      ([ids], "x: 2 inputs need as many arrays, found 1"),
    ]
    for (arrays, message) in cases {
      #expect(
        dataError { _ = try InputArrays(arrays, names: ["a", "b"], name: "x") }?.description == message)
    }
  }
}
