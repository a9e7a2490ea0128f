import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// DeepLIFT's rules on whole networks; their formulas are tested in double precision where the rules are.
@Suite struct DeepLIFTRuleTests {
  private func expectComplete(
    _ found: Attribution, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let expected = try #require(found.expectedSums)
    for (sum, expected) in zip(found.sums, expected) {
      #expect(
        abs(sum - expected) < valueTolerance * max(1, abs(expected)), "\(sum), not \(expected)",
        sourceLocation: sourceLocation)
    }
  }

  @Test(arguments: Fixture.tables + Fixture.images, [DeepLIFT.Rule.revealCancel, .revealCancelDense])
  func rulesAreComplete(_ fixture: Fixture, _ rule: DeepLIFT.Rule) throws {
    let values = try fixture.values()
    let found = try explain(
      DeepLIFT(rule: rule), fixture.network(), values.input, classes: values.targets)
    try expectComplete(found)
    let rescaled = try explain(DeepLIFT(), fixture.network(), values.input, classes: values.targets)
    let difference = try #require(scaledDifference(found.values[0], rescaled.values[0]))
    // The residual networks have one matrix product, with no nonlinearity behind it.
    let isSame = rule == .revealCancelDense && fixture.name.contains("resnet")
    #expect(isSame ? difference < valueTolerance : difference > 1e-3)
  }

  /// Every hidden layer of a chain is a cut: whatever flows through it is the whole difference. Ahead of a nonlinearity
  /// parts that cancel contribute although they sum to nothing.
  @Test(arguments: ["iris_mlp", "xor_mlp", "tiny_cnn"], DeepLIFT.Rule.allCases)
  func hiddenLayersAreComplete(_ name: String, _ rule: DeepLIFT.Rule) throws {
    let fixture = Fixture(name: name), values = try fixture.values()
    for (layer, tensor) in values.hidden where layer != "logits" {
      let found = try explain(
        DeepLIFT(rule: rule), fixture.network(), values.input, classes: values.targets, layers: [layer])
      #expect(found.values[0].shape == tensor.shape)
      try expectComplete(found)
    }
  }

  /// An input's contributions do not depend on what else is attributed.
  @Test func layersDoNotChangeEachOther() throws {
    let fixture = Fixture(name: "xor_mlp"), values = try fixture.values()
    func attribute(_ layers: [String]) throws -> Attribution {
      try explain(
        DeepLIFT(rule: .revealCancel), fixture.network(), values.input, classes: values.targets,
        layers: layers)
    }
    let input = try fixture.network().inputs[0].name, layer = "/2/Gemm_output_0"
    let both = try attribute([input, layer])
    #expect(try scaledDifference(both.values[0], attribute([input]).values[0])! < valueTolerance)
    #expect(try scaledDifference(both.values[1], attribute([layer]).values[0])! < valueTolerance)
  }

  /// No node keeps anything, whatever the rule.
  @Test(arguments: ["wine_mlp", "tiny_cnn", "tiny_resnet_unfolded"], DeepLIFT.Rule.allCases)
  func tracesAreBalanced(_ name: String, _ rule: DeepLIFT.Rule) throws {
    let fixture = Fixture(name: name), values = try fixture.values(), count = values.targets.count
    var subject = Subject(try fixture.network())
    subject.examples = count
    let attributor = try DeepLIFT(rule: rule).attributor(for: subject)
    let trace = try #require(try attributor.trace([values.input], classes: values.targets))
    #expect(trace.examples.count == count)
    for entries in trace.examples {
      let largest = entries.reduce(1) { max($0, abs($1.received)) }
      for entry in entries {
        #expect(abs(entry.kept) < gradientTolerance * largest, "\(entry.node) kept \(entry.kept)")
      }
    }
    let rules = Set(trace.examples[0].map(\.rule))
    #expect(rules.contains("reveal-cancel") == (rule == .revealCancel || rule.reachesDense(name)))
  }

  // MARK: Classes

  /// The contributions to a class less those to the mean of all classes, and their sums.
  @Test(arguments: DeepLIFT.Rule.allCases)
  func normalisedClasses(_ rule: DeepLIFT.Rule) throws {
    let fixture = Fixture(name: "iris_mlp"), values = try fixture.values(), count = values.targets.count
    func attribute(_ classes: [Int], normalizes: Bool) throws -> Attribution {
      try explain(
        DeepLIFT(baseline: .constant(0.5), rule: rule, normalizesClasses: normalizes), fixture.network(),
        values.input, classes: classes)
    }
    let each = try (0..<3).map { try attribute(Array(repeating: $0, count: count), normalizes: false) }
    let found = try attribute(values.targets, normalizes: true)
    try expectComplete(found)
    let width = values.input.count / count
    let expected = (0..<values.input.count).map { at in
      let all = each.map { $0.values[0].floats[at] }
      return all[values.targets[at / width]] - all.reduce(0, +) / 3
    }
    #expect(scaledDifference(found.values[0], Tensor(shape: values.input.shape, expected))! < valueTolerance)
    for row in 0..<count {
      let all = each.map { $0.outputs[row] }
      #expect(abs(found.outputs[row] - (all[values.targets[row]] - all.reduce(0, +) / 3)) < valueTolerance)
    }
  }

  @Test func oneClassCannotBeNormalised() throws {
    let error = #expect(throws: GraphError.self) {
      try explain(
        DeepLIFT(normalizesClasses: true), ClosedForm.reciprocal(), Tensor(shape: [1, 1], [Float(2)]))
    }
    #expect(error?.description == "normalising over classes needs two or more, the output has 1")
  }
}

extension DeepLIFT.Rule {
  /// Whether nonlinearities behind matrix products are all that the rule reveals, and the fixture has any.
  fileprivate func reachesDense(_ fixture: String) -> Bool {
    self == .revealCancelDense && !fixture.contains("resnet")
  }
}
