import NoemaAttribution
import NoemaData
import NoemaGraph
import NoemaTensor
import Testing

@Suite struct CompositeFileTests {
  @Test func everythingIsRead() throws {
    let composite = try Composite(
      yaml: """
        name: mine
        base: epsilon-plus
        dense: {rule: gamma, gamma: 0.1}
        first: {rule: box, low: [-2, -1], high: [2, 1]}
        attention: halves
        activation: gradient
        epsilon: 1e-3
        assign:
          - {operators: [MaxPool, AveragePool], rule: pass}
          - {names: "/layer4*", rule: alpha-beta, alpha: 3, beta: 2}
          - {depths: [1, 3], rule: flat}
        """, place: "mine.yaml")
    #expect(composite.name == "mine" && composite.convolution == .zPlus && composite.dense == .gamma(0.1))
    #expect(composite.first == .box(low: [-2, -1], high: [2, 1]))
    #expect(composite.attention == .halves && composite.activation == .gradient && composite.epsilon == 1e-3)
    #expect(
      composite.assignments == [
        Composite.Assignment(.pass, operators: ["MaxPool", "AveragePool"]),
        Composite.Assignment(.alphaBeta(alpha: 3, beta: 2), names: "/layer4*"),
        Composite.Assignment(.flat, depths: 1...3),
      ])
  }

  @Test(arguments: [
    ("bass: epsilon", "bass"), ("base: epsilom", "base"), ("dense: gama", "dense"),
    ("first: {rule: box}", "first"),
    ("activation: flat", "activation"), ("assign: [{names: x}]", "rule"),
    ("assign: [{depths: [3, 1], rule: flat}]", "depths"),
    ("attention: all", "attention"), ("dense: [", "YAML"),
  ])
  func mistakesAreNamed(_ yaml: String, _ key: String) {
    let error = #expect(throws: DataError.self) { try Composite(yaml: yaml, place: "mine.yaml") }
    #expect(error?.description.contains("mine.yaml") ?? false)
    #expect(error?.description.contains(key) ?? false, "\(String(describing: error))")
  }

  /// Rules by depth: the first layer flat, as the named composite has it.
  @Test func depthsCountLayersWithWeights() throws {
    let fixture = Fixture(name: "tiny_cnn"), values = try fixture.values()
    var byDepth = Composite.epsilonPlus
    byDepth.assignments = [Composite.Assignment(.flat, depths: 1...1)]
    let named = try explain(
      LayerwiseRelevance(.epsilonPlusFlat), fixture.network(), values.input, classes: values.targets)
    let found = try explain(
      LayerwiseRelevance(byDepth), fixture.network(), values.input, classes: values.targets)
    #expect(found.values[0] == named.values[0])
  }
}
