import Foundation
@testable import NoemaConformance
import NoemaTensor
import NoemaTestSupport
import ONNXSchema
import Testing

/// Cases in folders of their own: what each one's verdict is, and why.
@Suite struct CaseRunnerTests {
  /// Writes a case of one data set and runs it.
  private func report(
    _ name: String, _ draft: ModelDraft, _ inputs: [Tensor], _ outputs: [Tensor]
  ) throws -> CaseReport {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: root) }
    let set = root.appendingPathComponent("deep/\(name)/test_data_set_0")
    try FileManager.default.createDirectory(at: set, withIntermediateDirectories: true)
    try draft.write(to: root.path + "/deep/\(name)/model.onnx")
    for (kind, tensors) in [("input", inputs), ("output", outputs)] {
      for (index, tensor) in tensors.enumerated() {
        try Data(ModelDraft.tensorFile(tensor)).write(to: set.appendingPathComponent("\(kind)_\(index).pb"))
      }
    }
    let found = CaseFolder.find(below: root.path)
    #expect(found.map(\.name) == [name])
    return CaseRunner(folder: found[0]).report()
  }

  private func draft(_ operation: String, inputs: [String] = ["x"]) -> ModelDraft {
    var draft = ModelDraft()
    draft.input("x", [2])
    for name in inputs.dropFirst() { draft.input(name, [nil]) }
    draft.node(operation, inputs, ["y"])
    draft.output("y")
    return draft
  }

  @Test func rightNumbersPass() throws {
    let report = try report(
      "relu", draft("Relu"), [Tensor(shape: [2], [Float(-1), 2])], [Tensor(shape: [2], [Float(0), 2.001])])
    #expect(report.verdict == .passed && report.operation == "Relu" && report.bound.isEmpty)
  }

  @Test func wrongNumbersFail() throws {
    let x = Tensor(shape: [2], [Float(-1), 2])
    let report = try report("relu", draft("Relu"), [x], [Tensor(shape: [2], [Float(0), 2.01])])
    #expect(report.verdict == .failed)
    #expect(
      report.reason.hasPrefix("engine: output 0 ('y'): 1 of 2 elements differ; element 1: expected 2.0"))
  }

  @Test func whatNoemaLacksIsSkipped() throws {
    let report = try report("riddle", draft("Riddle"), [Tensor(shape: [2], [Float(1), 2])], [])
    #expect(report.verdict == .skipped && report.lacking == ["Riddle"])
  }

  @Test func malformedNodesFail() throws {
    let report = try report("relu", draft("Relu", inputs: []), [Tensor(shape: [2], [Float(1), 2])], [])
    #expect(report.verdict == .failed)
  }

  @Test func casesWithoutExpectationsFail() throws {
    let report = try report("relu", draft("Relu"), [Tensor(shape: [2], [Float(1), 2])], [])
    #expect(report.verdict == .failed && report.reason == "the case expects no outputs")
  }

  /// A target shape has to be constant; the case feeds it.
  @Test func operandsBecomeConstantsWhereTheyHaveTo() throws {
    var draft = ModelDraft()
    draft.input("x", [2])
    draft.input("shape", [nil])
    draft.node("Cast", ["shape"], ["whole"], ["to": .int(7)])
    draft.node("Reshape", ["x", "whole"], ["y"])
    draft.output("y")
    let x = Tensor(shape: [2], [Float(1), 2])
    let report = try report(
      "reshape", draft, [x, Tensor(shape: [2], [Float(1), 2])], [x.reshaped(to: [1, 2])])
    #expect(report.verdict == .passed && report.bound == ["shape"])
  }

  @Test func tolerancesFollowTheType() {
    func fits(_ value: Float, _ expected: Float, half: Bool = false) -> Bool {
      Agreement(half ? .float16 : .float).difference(Tensor(value), from: Tensor(expected)) == nil
    }
    #expect(fits(.nan, .nan) && !fits(.nan, 1) && !fits(1, .nan))
    #expect(fits(.infinity, .infinity) && !fits(1e30, .infinity))
    // Beyond 65504 half precision has only infinity.
    #expect(fits(1e30, .infinity, half: true))
    #expect(fits(1, 1.003, half: true) && !fits(1, 1.003))
    #expect(Agreement(.int64).difference(Tensor(Int64(3)), from: Tensor(Int64(4))) != nil)
    #expect(
      Agreement(.bool).difference(Tensor(Float(1)), from: Tensor(true))
        == "expected elements of bool, found float32")
  }
}
