import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Networks of both PyTorch exporters against PyTorch's values.
@Suite struct GoldenNetworkTests {
  @Test(arguments: Fixture.tables + Fixture.images)
  func outputsAndHiddenLayersAreRight(_ fixture: Fixture) throws {
    let values = try fixture.values(), network = try fixture.network()
    let hidden = values.hidden
    let hooked = try HookedNetwork(
      network, layers: hidden.map(\.name), examples: values.targets.count)
    let readings = try hooked.read([values.input])
    #expect(scaledDifference(readings.output, values.logits)! < valueTolerance)
    for (found, expected) in zip(readings.activations, hidden) {
      #expect(scaledDifference(found, expected.tensor)! < valueTolerance, "\(expected.name)")
    }
  }

  /// With one hook all other layers may be folded and fused, before it and behind it.
  @Test(arguments: Fixture.tables + Fixture.images)
  func oneHookChangesNothing(_ fixture: Fixture) throws {
    let values = try fixture.values(), network = try fixture.network()
    for expected in values.hidden {
      let hooked = try HookedNetwork(network, layers: [expected.name], examples: values.targets.count)
      let readings = try hooked.read([values.input])
      #expect(
        scaledDifference(readings.activations[0], expected.tensor)! < valueTolerance, "\(expected.name)")
      #expect(scaledDifference(readings.output, values.logits)! < valueTolerance, "\(expected.name)")
    }
  }

  @Test(arguments: Fixture.tables + Fixture.images)
  func attributionsAreRight(_ fixture: Fixture) throws {
    let values = try fixture.values()
    // One batch size that holds all examples, and one that the integral's points do not fill.
    for maximumBatch in [32, 3] {
      func rows(of method: some AttributionMethod) throws -> Tensor {
        var subject = Subject(try fixture.network())
        (subject.examples, subject.maximumBatch) = (values.targets.count, maximumBatch)
        let attributor = try method.attributor(for: subject)
        var found: [Tensor] = []
        for first in stride(from: 0, to: values.targets.count, by: attributor.batchSize) {
          let range = first..<min(first + attributor.batchSize, values.targets.count)
          found += try attributor.attribute(
            [values.input.rows(range)], classes: Array(values.targets[range]), first: first
          ).values
        }
        return try Tensor.stacked(found)
      }
      #expect(scaledDifference(try rows(of: Gradient()), values.gradient)! < gradientTolerance)
      let product = Tensor(
        shape: values.input.shape, zip(values.input.floats, values.gradient.floats).map { $0 * $1 })
      #expect(scaledDifference(try rows(of: GradientTimesInput()), product)! < gradientTolerance)
      #expect(
        scaledDifference(try rows(of: IntegratedGradients()), values.integratedGradients)!
          < gradientTolerance)
    }
  }

  /// Where a layer is a cut the rest of the network is a function of it, whose differences can be taken; networks
  /// with max pooling have ties, where there is no derivative to compare with.
  @Test(arguments: Fixture.images.filter { $0.name.contains("resnet") })
  func gradientsAtHiddenLayersFollowFromFiniteDifferences(_ fixture: Fixture) throws {
    let values = try fixture.values()
    let graph = try fixture.network().graph(batch: values.targets.count)
    let names = values.hidden.map(\.name).filter { $0 != "logits" }
    let hooked = try HookedNetwork(
      try fixture.network(), layers: names, gradients: 1, examples: values.targets.count)
    let readings = try hooked.read([values.input], classes: [values.targets])
    /// Far above float64 rounding, far below what moves a value across a kink.
    let step = 1e-6
    for (index, layer) in try names.map({ try graph.layers().matching($0)[0] }).enumerated() {
      guard layer.isCut else { continue }
      var rest = graph
      rest.makeInput(layer.value)
      let direction = normalTensor(layer.shape, seed: UInt64(index))
      func explained(_ move: Double) throws -> Double {
        let moved = Tensor(
          shape: layer.shape,
          zip(readings.activations[index].floats, direction.floats).map { Double($0) + move * Double($1) })
        let inputs = rest.inputs.map { $0 == layer.value ? moved : values.input }
        let output = try rest.interpreted(inputs, as: .float64)[0].elements(as: Double.self)
        let width = output.count / values.targets.count
        return values.targets.enumerated().reduce(0) { $0 + output[$1.offset * width + $1.element] }
      }
      let expected = (try explained(step) - explained(-step)) / (2 * step)
      let found = zip(readings.gradients[index].floats, direction.floats).reduce(0.0) {
        $0 + Double($1.0) * Double($1.1)
      }
      #expect(abs(found - expected) < gradientTolerance * max(1, abs(expected)), "\(layer.name)")
    }
  }
}
