import Foundation
import NoemaTensor
import NoemaTestSupport
import Testing

@testable import NoemaGraph

/// Every pass leaves the outputs of whole models unchanged: those in `models/`, and those in the folder that the
/// environment names as `NOEMA_MODELS`.
@Suite struct ModelPassesTests {
  static let models: [String] = {
    let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../models")
    let folders =
      [root.standardized.path] + (ProcessInfo.processInfo.environment["NOEMA_MODELS"].map { [$0] } ?? [])
    return folders.flatMap { folder in
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      return names.filter { $0.hasSuffix(".onnx") }.sorted().map { folder + "/" + $0 }
    }
  }()

  @Test func modelsAreThere() { #expect(Self.models.count >= 2) }

  @Test(arguments: models)
  func outputsAndHooksAreUnchanged(_ path: String) throws {
    let graph = try Network(contentsOf: path).graph(batch: 2)
    var random = RandomNumbers(seed: 5)
    let inputs = graph.inputs.map { input in
      let type = graph.type(of: input)
      return Tensor(shape: type.shape, (0..<type.count).map { _ in Float(random.normal()) }).converted(
        to: type.element)
    }
    var hooked = graph
    hooked.outputs += graph.layers().map(\.value).filter { !graph.outputs.contains($0) }
    // Reference kernels are exact in double precision, and too slow for large networks.
    let work = graph.nodes.reduce(0) {
      $0
        + $1.operation.multiplyAdds(
          $1.operands.map { graph.type(of: $0) }, $1.results.map { graph.type(of: $0) })
    }
    let isSmall = work < 20_000_000
    func run(_ graph: Graph) throws -> [Tensor] {
      isSmall ? try graph.interpreted(inputs, as: .float64) : try Session(graph).run(inputs)
    }
    for (start, name) in [(graph, "outputs"), (hooked, "hooks")] {
      let expected = try run(start)
      for pass in Pass.canonical + Pass.execution + [.expandAll] {
        try compare(run(start.applying([pass])), expected, "\(pass.name), \(name)")
      }
      try compare(run(start.applying(Pass.canonical)), expected, "canonical form, \(name)")
      try compare(Session(start.applying(Pass.canonical)).run(inputs), expected, "plan, \(name)")
    }
  }

  /// Gradients stay the same when hidden values are computed twice, for less memory.
  @Test(arguments: models)
  func gradientsFitIntoLess(_ path: String) throws {
    let graph = try Network(contentsOf: path).graph(batch: 2).applying(Pass.canonical)
    let hasFloatInputs = graph.inputs.allSatisfy { graph.type(of: $0).element.isFloat }
    guard let output = graph.mainOutput, hasFloatInputs else { return }
    var back = try graph.backward(from: output, to: graph.inputs)
    back.graph.outputs = back.cotangents.compactMap { $0 }
    let inputs = back.graph.inputs.enumerated().map {
      normalTensor(back.graph.type(of: $1).shape, seed: UInt64($0 + 1))
    }
    let whole = try Session(back.graph), least = try Session(back.graph, limit: 0)
    #expect(least.workingByteCount <= whole.workingByteCount)
    if ProcessInfo.processInfo.environment["NOEMA_MODELS"] != nil {
      print("\(path): \(whole.workingByteCount >> 10) KiB, at least \(least.workingByteCount >> 10) KiB")
    }
    try compare(least.run(inputs), whole.run(inputs), "gradient computed twice")
  }

  private func compare(_ found: [Tensor], _ expected: [Tensor], _ comment: String) throws {
    #expect(found.count == expected.count)
    for (a, b) in zip(found, expected) {
      let difference = try #require(scaledDifference(a, b), "\(comment)")
      #expect(difference < floatTolerance, "\(comment)")
    }
  }
}
