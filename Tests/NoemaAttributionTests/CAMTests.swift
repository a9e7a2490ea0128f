import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Small convolutional networks with images of 2 × 4 × 6, three maps called `maps`, and two classes.
private struct TinyConvolutional {
  enum Ending {
    /// A mean over positions, then a dense layer.
    case pooled
    /// The same with channels last: `last` is `maps` with its axes exchanged.
    case pooledLast
    /// A dense layer on all positions.
    case flattened
    /// Pooling to 2 × 3, called `pooled`, and then a dense layer with a ReLU behind it.
    case rectified
  }

  var ending = Ending.pooled
  /// What the dense layer's weights and biases are multiplied with.
  var factor: Float = 1
  /// Filters that are the same from the right as from the left.
  var isSymmetric = false
  /// The order of the channels of `maps`.
  var order = [0, 1, 2]
  /// What is added to every logit.
  var shift: Float = 0

  static let bias: [Float] = [0.5, -0.25]

  /// The dense layer's weights, `[class][channel or element]`.
  func dense() -> [[Float]] {
    let width = [.pooled: 3, .pooledLast: 3, .flattened: 72, .rectified: 18][ending]!
    let given = normalTensor([2, width], seed: 12).floats, inside = width / 3
    return (0..<2).map { row in
      order.flatMap { channel in
        (0..<inside).map { factor * given[row * width + channel * inside + $0] }
      }
    }
  }

  func network() throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 2, 4, 6])
    var filters = normalTensor([3, 2, 3, 3], seed: 11).floats
    if isSymmetric { for i in stride(from: 0, to: filters.count, by: 3) { filters[i + 2] = filters[i] } }
    draft.initialiser(
      "filters", Tensor(shape: [3, 2, 3, 3], order.flatMap { filters[$0 * 18..<$0 * 18 + 18] }))
    draft.initialiser("offsets", Tensor(shape: [3], order.map { [Float(0.1), 0.3, -0.2][$0] }))
    draft.node(
      "Conv", ["x", "filters", "offsets"], ["conv"],
      ["kernel_shape": .ints([3, 3]), "pads": .ints([1, 1, 1, 1])])
    draft.node("Relu", ["conv"], ["maps"])
    switch ending {
    case .pooled: draft.node("GlobalAveragePool", ["maps"], ["means"])
    case .pooledLast:
      draft.node("Transpose", ["maps"], ["last"], ["perm": .ints([0, 2, 3, 1])])
      draft.node("ReduceMean", ["last"], ["means"], ["axes": .ints([1, 2]), "keepdims": .int(0)])
    case .flattened: draft.node("Identity", ["maps"], ["means"])
    case .rectified:
      draft.node(
        "MaxPool", ["maps"], ["pooled"], ["kernel_shape": .ints([2, 2]), "strides": .ints([2, 2])])
      draft.node("Identity", ["pooled"], ["means"])
    }
    let weights = dense()
    draft.initialiser("weights", Tensor(shape: [2, weights[0].count], weights.flatMap { $0 }))
    draft.initialiser("bias", Tensor(shape: [2], Self.bias.map { factor * $0 + shift }))
    draft.node("Flatten", ["means"], ["flat"])
    draft.node(
      "Gemm", ["flat", "weights", "bias"], [ending == .rectified ? "open" : "out"], ["transB": .int(1)])
    if ending == .rectified { draft.node("Relu", ["open"], ["out"]) }
    draft.output("out", [nil, 2])
    return try Network(bytes: draft.bytes())
  }
}

private let images = normalTensor([3, 2, 4, 6], seed: 13)
private let classes = [0, 1, 1]

/// Rounding of a layer or two.
private let mapTolerance = 1e-5

/// Activations and derivatives at a layer, as `[example][channel][position]`.
private func channels(
  _ network: Network, at layer: String = "maps"
) throws -> (activations: [[[Double]]], gradients: [[[Double]]], outputs: [Double]) {
  let hooked = try HookedNetwork(network, layers: [layer], gradients: 1, examples: 3)
  let readings = try hooked.read([images], classes: [classes])
  func split(_ tensor: Tensor) -> [[[Double]]] {
    let positions = tensor.shape[2...].reduce(1, *), width = tensor.shape[1] * positions
    return (0..<tensor.shape[0]).map { example in
      (0..<tensor.shape[1]).map { channel in
        let start = example * width + channel * positions
        return tensor.floats[start..<start + positions].map { Double($0) }
      }
    }
  }
  let outputs = readings.output.floats
  return (
    split(readings.activations[0]), split(readings.gradients[0]),
    classes.enumerated().map { Double(outputs[$0 * 2 + $1]) }
  )
}

private func sum(_ values: [Double]) -> Double { values.reduce(0, +) }

/// `Σ_k w_k A_k`.
private func weighted(_ activations: [[Double]], _ weights: [Double]) -> [Float] {
  activations[0].indices.map { p in Float(sum(activations.indices.map { weights[$0] * activations[$0][p] })) }
}

@Suite struct CAMTests {
  private func map(
    _ method: some AttributionMethod, _ network: Network, layer: String = "maps", maximumBatch: Int = 32
  ) throws -> Tensor {
    try explain(method, network, images, classes: classes, layers: [layer], maximumBatch: maximumBatch)
      .values[0]
  }

  private func difference(_ found: Tensor, _ expected: [[Float]]) -> Double {
    scaledDifference(found, Tensor(shape: found.shape, expected.flatMap { $0 }))!
  }

  /// Captum's own network: the values that it gives, without a rectifier behind them.
  @Test func gradCAMOfCaptumsNetwork() throws {
    for (layer, expected) in [("conv1", [Float(11.25), 13.5, 20.25, 22.5]), ("relu1", [0, 4, 28, 32.5])] {
      let found = try explain(
        GradCAM(isRectified: false), ClosedForm.convolutional(), ClosedForm.ramp, layers: [layer])
      #expect(found.values[0].shape == [1, 2, 2])
      #expect(found.values[0].floats == expected)
    }
  }

  /// With a mean over positions and a dense layer behind the maps, `g_k = w_k / Z` everywhere.
  @Test func methodsAgreeBeforeAMean() throws {
    let tiny = TinyConvolutional(), network = try tiny.network(), maps = try channels(network)
    let expected = classes.enumerated().map { example, index in
      weighted(maps.activations[example], tiny.dense()[index].map { Double($0) })
    }
    let cam = try explain(ClassActivationMap(), network, images, classes: classes)
    #expect(cam.values[0].shape == [3, 4, 6])
    #expect(difference(cam.values[0], expected) < mapTolerance)
    for (sum, total) in zip(cam.sums, cam.expectedSums!) { #expect(abs(sum - total) < 1e-3) }
    for form in [GradCAM.Form.gradCAM, .hiRes, .xGrad] {
      let found = try map(GradCAM(form, isRectified: false), network)
      #expect(difference(found, expected.map { $0.map { $0 / 24 } }) < mapTolerance, "\(form)")
    }
    let positive = try map(GradCAM(), network)
    #expect(difference(positive, expected.map { $0.map { max($0, 0) / 24 } }) < mapTolerance)
    let against = try map(GradCAM(isCounterfactual: true), network)
    #expect(difference(against, expected.map { $0.map { max(-$0, 0) / 24 } }) < mapTolerance)
  }

  @Test func mapsSumToTheOutputOfAnAffineRest() throws {
    let network = try TinyConvolutional(ending: .flattened).network(), maps = try channels(network)
    for form in [GradCAM.Form.hiRes, .xGrad] {
      let found = try explain(
        GradCAM(form, isRectified: false), network, images, classes: classes, layers: ["maps"])
      for example in 0..<3 {
        let expected = maps.outputs[example] - Double(TinyConvolutional.bias[classes[example]])
        #expect(abs(found.sums[example] - expected) < 1e-4, "\(form)")
      }
    }
  }

  @Test func formsAreTheirFormulas() throws {
    let network = try TinyConvolutional(ending: .flattened).network(), maps = try channels(network)
    var plusPlus: [[Float]] = [], layer: [[Float]] = [], mean: [[Float]] = []
    for (a, g) in zip(maps.activations, maps.gradients) {
      let weights = zip(a, g).map { a, g in
        sum(
          g.map { g in
            let denominator = 2 * g * g + sum(a) * g * g * g
            return denominator == 0 ? 0 : g * g / denominator * max(g, 0)
          })
      }
      plusPlus.append(weighted(a, weights).map { max($0, 0) })
      layer.append(
        a[0].indices.map { p in Float(sum(a.indices.map { max(g[$0][p], 0) * a[$0][p] })) })
      mean.append(weighted(a, g.map { sum($0) / 24 }).map { max($0, 0) })
    }
    #expect(difference(try map(GradCAM(.plusPlus), network), plusPlus) < 1e-4)
    #expect(difference(try map(GradCAM(.layer), network), layer) < mapTolerance)
    #expect(difference(try map(GradCAM(), network), mean) < mapTolerance)
  }

  /// The first direction by power iteration.
  private func projection(_ rows: [[Double]]) -> [Float] {
    var direction = [Double](repeating: 1, count: rows.count)
    for _ in 0..<300 {
      let along = rows[0].indices.map { p in sum(rows.indices.map { direction[$0] * rows[$0][p] }) }
      direction = rows.map { row in sum(zip(row, along).map { $0 * $1 }) }
      let length = sum(direction.map { $0 * $0 }).squareRoot()
      direction = direction.map { $0 / length }
    }
    let found = rows[0].indices.map { p in sum(rows.indices.map { direction[$0] * rows[$0][p] }) }
    let agreement = sum(found.indices.map { p in found[p] * sum(rows.map { $0[p] }) })
    return found.map { Float(agreement < 0 ? -$0 : $0) }
  }

  @Test(arguments: ["conv", "maps"])
  func eigenCAMIsTheFirstDirection(_ layer: String) throws {
    let network = try TinyConvolutional(ending: .flattened).network(), maps = try channels(network, at: layer)
    #expect(difference(try map(EigenCAM(), network, layer: layer), maps.activations.map(projection)) < 1e-4)
    let centred = maps.activations.map { $0.map { row in row.map { $0 - sum(row) / 24 } } }
    #expect(
      difference(try map(EigenCAM(isCentred: true), network, layer: layer), centred.map(projection)) < 1e-4)
    let products = zip(maps.activations, maps.gradients).map {
      zip($0, $1).map { zip($0, $1).map { $0 * $1 } }
    }
    #expect(
      difference(try map(EigenCAM(usesGradients: true), network, layer: layer), products.map(projection))
        < 1e-4)
  }

  /// More channels than positions take the other of the two Gram matrices: of one position the length
  /// remains.
  @Test func eigenCAMOfFewPositions() throws {
    let network = try TinyConvolutional().network(), means = try channels(network, at: "means").activations
    let found = try map(EigenCAM(), network, layer: "means")
    #expect(found.shape == [3, 1, 1])
    #expect(
      difference(found, means.map { [Float(sum($0.map { $0[0] * $0[0] }).squareRoot())] }) < mapTolerance)
  }

  @Test func scoreCAMWeighsByMaskedOutputs() throws {
    let network = try TinyConvolutional(ending: .rectified, shift: 5).network(), maps = try channels(network)
    let forward = try HookedNetwork(network, layers: [], examples: 1)
    var expected: [[Float]] = []
    for example in 0..<3 {
      let x = images.floats[example * 48..<example * 48 + 48]
      var scores: [Double] = []
      for a in maps.activations[example] {
        let low = a.min()!, high = a.max()!
        #expect(high > low)
        let masked = x.enumerated().map { i, x in x * Float((a[i % 24] - low) / (high - low)) }
        let output = try forward.read([Tensor(shape: [1, 2, 4, 6], masked)]).output.floats
        scores.append(Double(output[classes[example]]))
      }
      let shares = scores.map { exponential($0) }
      expected.append(weighted(maps.activations[example], shares.map { $0 / sum(shares) }))
    }
    for batch in [1, 4, 32] {
      #expect(difference(try map(ScoreCAM(), network, maximumBatch: batch), expected) < 1e-4)
    }
  }

  private func exponential(_ x: Double) -> Double {
    // e^x by its series, of a number of moderate size.
    (1..<80).reduce((sum: 1.0, term: 1.0)) { ($0.sum + $0.term * x / Double($1), $0.term * x / Double($1)) }
      .sum
  }

  /// With one channel that channel is the map, and it is said that others were left out.
  @Test func scoreCAMOfOneChannel() throws {
    let network = try TinyConvolutional().network(), maps = try channels(network)
    let found = try explain(ScoreCAM(channels: 1), network, images, classes: classes, layers: ["maps"])
    let expected = maps.activations.map { a in
      a.max { sum($0.map { $0 * $0 }) < sum($1.map { $0 * $0 }) }!.map { Float($0) }
    }
    #expect(difference(found.values[0], expected) < mapTolerance)
    #expect(found.remarks[0] == "an approximation by 1 of 3 channels")
  }

  /// Behind a layer without influence of its own, taking a channel away takes `Σ g A` away.
  @Test func ablationCAMOfAnAffineRest() throws {
    let network = try TinyConvolutional(ending: .flattened).network(), maps = try channels(network)
    let losses = zip(maps.activations, maps.gradients).map { a, g in
      zip(a, g).map { a, g in sum(zip(a, g).map { $0 * $1 }) }
    }
    let expected = zip(maps.activations, losses).map { weighted($0, $1) }
    for batch in [1, 5, 32] {
      let found = try map(
        AblationCAM(isRelative: false, isRectified: false), network, maximumBatch: batch)
      #expect(difference(found, expected) < 1e-4)
    }
    let relative = try map(AblationCAM(isRectified: false), network)
    let shares = zip(expected, maps.outputs).map { map, output in map.map { $0 / Float(abs(output)) } }
    #expect(difference(relative, shares) < 1e-4)
    let means = zip(maps.activations, maps.gradients).map { a, g in
      weighted(a, zip(a, g).map { a, g in sum(zip(a, g).map { ($0 - sum(a) / 24) * $1 }) })
    }
    let replaced = try map(
      AblationCAM(replacement: .mean, isRelative: false, isRectified: false), network)
    #expect(difference(replaced, means) < 1e-4)
  }

  @Test func guidedGradCAMIsTheProduct() throws {
    let network = try TinyConvolutional(ending: .rectified, shift: 5).network()
    let product = try explain(GuidedGradCAM(), network, images, classes: classes, layers: ["pooled"]).values[
      0]
    let guided = try explain(GuidedBackprop(), network, images, classes: classes).values[0]
    let large = try map(GradCAM(), network, layer: "pooled").resizedMaps(to: [4, 6])
    let fine = guided.floats, coarse = large.floats
    let expected = (0..<3).map { example -> [Float] in
      (0..<48).map { at -> Float in fine[example * 48 + at] * coarse[example * 24 + at % 24] }
    }
    #expect(expected.joined().contains { $0 != 0 })
    #expect(difference(product, expected) < mapTolerance)
  }

  // MARK: Invariants

  private static let methods: [(name: String, method: any AttributionMethod)] =
    GradCAM.Form.allCases.map { ($0.rawValue, GradCAM($0, isRectified: false) as any AttributionMethod) } + [
      ("eigen", EigenCAM()), ("eigen-grad", EigenCAM(usesGradients: true)), ("score", ScoreCAM()),
      ("ablation", AblationCAM(isRectified: false)),
    ]

  private func values(_ method: any AttributionMethod, _ network: Network, _ images: Tensor) throws -> Tensor
  {
    var subject = Subject(network, layers: ["maps"])
    subject.examples = 3
    return try method.attributor(for: subject).attribute([images], classes: classes).values[0]
  }

  @Test func orderOfChannelsDoesNotMatter() throws {
    for (name, method) in Self.methods {
      let plain = try values(method, TinyConvolutional(ending: .flattened).network(), images)
      let other = try values(
        method, TinyConvolutional(ending: .flattened, order: [2, 0, 1]).network(), images)
      #expect(scaledDifference(other, plain)! < 1e-4, "\(name)")
    }
  }

  @Test func mirroredImagesHaveMirroredMaps() throws {
    func mirrored(_ tensor: Tensor) -> Tensor {
      let x = tensor.floats
      return Tensor(shape: tensor.shape, x.indices.map { x[$0 / 6 * 6 + 5 - $0 % 6] })
    }
    let network = try TinyConvolutional(isSymmetric: true).network()
    for (name, method) in Self.methods {
      let plain = try values(method, network, images)
      let other = try values(method, network, mirrored(images))
      #expect(scaledDifference(other, mirrored(plain))! < 1e-4, "\(name)")
      #expect(scaledDifference(other, plain)! > 1e-2, "\(name)")
    }
  }

  @Test func scaleOfLogitsDoesNotMatter() throws {
    for form in [GradCAM.Form.gradCAM, .hiRes, .xGrad, .layer] {
      let plain = try map(GradCAM(form), TinyConvolutional(ending: .flattened).network()).scaledMaps()
      let large = try map(GradCAM(form), TinyConvolutional(ending: .flattened, factor: 7).network())
        .scaledMaps()
      #expect(scaledDifference(large, plain)! < mapTolerance, "\(form)")
    }
  }

  // MARK: Layers and layouts

  @Test func layersAreFound() throws {
    for (network, name) in [
      (try TinyConvolutional().network(), "maps"),
      (try TinyConvolutional(ending: .flattened).network(), "maps"),
      (try TinyConvolutional(ending: .pooledLast).network(), "last"),
      (try TinyConvolutional(ending: .rectified).network(), "pooled"),
      (try ClosedForm.convolutional(), "relu1"),
      (try TinyTransformer().network(), "norm1"), (try TinyTransformer(style: .flat).network(), "norm1"),
      (try TinyTransformer(style: .fused).network(), "norm1"),
    ] {
      #expect(try Subject(network).activationMapLayer() == name)
    }
    let error = #expect(throws: GraphError.self) { try Subject(ClosedForm.dense()).activationMapLayer() }
    #expect(
      error?.description
        == "the network has no named layer of channels over positions; name the layer of the map")
  }

  @Test func channelsMayComeLast() throws {
    let network = try TinyConvolutional(ending: .pooledLast).network()
    let first = try map(GradCAM(), network), last = try map(GradCAM(), network, layer: "last")
    #expect(scaledDifference(last, first)! < mapTolerance)
    let cam = try explain(ClassActivationMap(isRectified: true), network, images, classes: classes).values[0]
    #expect(scaledDifference(cam.scaledMaps(), first.scaledMaps())! < mapTolerance)
    #expect(
      scaledDifference(try map(AblationCAM(), network, layer: "last"), try map(AblationCAM(), network))!
        < 1e-4)
  }

  @Test func severalLayersGiveSeveralMaps() throws {
    let network = try TinyConvolutional(ending: .rectified, shift: 5).network()
    let found = try explain(GradCAM(), network, images, classes: classes, layers: ["maps", "pooled"])
    #expect(found.values.map(\.shape) == [[3, 4, 6], [3, 2, 3]])
    #expect(found.values[1] == (try map(GradCAM(), network, layer: "pooled")))
    let one = try Tensor.combinedMaps(found.values, size: [8, 12])
    let parts = try found.values.map { try $0.scaledMaps().resizedMaps(to: [8, 12]).floats }
    let mean = Tensor(shape: [3, 8, 12], zip(parts[0], parts[1]).map { ($0 + $1) / 2 }).scaledMaps()
    #expect(scaledDifference(one, mean)! < mapTolerance)
  }

  /// The map of a transformer is that of its patches, the class token left out.
  @Test func patchesMakeAMap() throws {
    let transformer = TinyTransformer(), network = try transformer.network(),
      x = normalTensor([3, 1, 4, 6], seed: 7)
    let hooked = try HookedNetwork(network, layers: ["norm1"], gradients: 1, examples: 3)
    let readings = try hooked.read([x], classes: [[1, 1, 1]])
    let a = readings.activations[0].floats, g = readings.gradients[0].floats
    var expected: [Float] = []
    for example in 0..<3 {
      for token in 1..<7 {
        let start = example * 28 + token * 4
        expected.append((start..<start + 4).reduce(Float(0)) { $0 + a[$1] * g[$1] })
      }
    }
    for layout in [MapLayout.automatic, .tokens(leading: 1, grid: [2, 3])] {
      let found = try explain(
        GradCAM(.hiRes, layout: layout), network, x, classes: [1, 1, 1],
        layers: layout == .automatic ? [] : ["norm1"])
      #expect(scaledDifference(found.values[0], Tensor(shape: [3, 2, 3], expected))! < 1e-4)
    }
    let error = #expect(throws: GraphError.self) {
      try explain(GradCAM(), network, x, classes: [1, 1, 1], layers: ["block1"])
    }
    #expect(
      error?.description
        == "the output depends on 'block1' through the leading tokens alone, so that every map there is "
        + "zero; take the input of the last attention")
  }

  // MARK: Enlarging

  @Test func mapsAreInterpolatedBetweenMiddles() throws {
    let row = Tensor(shape: [1, 1, 2], [Float(0), 1])
    #expect(try row.resizedMaps(to: [1, 4]).floats == [0, 0.25, 0.75, 1])
    #expect(try row.resizedMaps(to: [2, 2]).floats == [0, 1, 0, 1])
    #expect(try row.resizedMaps(to: [1, 1]).floats == [0.5])
    // Separable: what a product of two functions becomes.
    let square = Tensor(shape: [1, 2, 2], [Float(0), 0, 0, 1])
    let quarter: [Float] = [0, 0.25, 0.75, 1]
    #expect(try square.resizedMaps(to: [4, 4]).floats == quarter.flatMap { a in quarter.map { a * $0 } })
    let constant = try Tensor(shape: [2, 3, 5], repeating: Float(0.3)).resizedMaps(to: [7, 4])
    #expect(constant.shape == [2, 7, 4] && constant.floats.allSatisfy { $0 == 0.3 })
    let same = normalTensor([2, 3, 5])
    #expect(try same.resizedMaps(to: [3, 5]) == same)
    for size in [[4], [0, 2], [1, 2, 3]] {
      #expect(throws: GraphError.self) { try row.resizedMaps(to: size) }
    }
  }

  @Test func scaledMapsRunFromZeroToOne() {
    let maps = Tensor(shape: [2, 1, 3], [Float(-1), 1, 3, 5, 5, 5])
    #expect(maps.scaledMaps().floats == [0, 0.5, 1, 0, 0, 0])
    #expect(throws: GraphError.self) { try Tensor.combinedMaps([], size: [2, 2]) }
  }

  // MARK: Remarks and errors

  @Test func zeroMapsAreRemarkedOn() throws {
    let dead = try explain(
      GradCAM(), TinyConvolutional(ending: .rectified, shift: -1000).network(), images, classes: classes,
      layers: ["maps"])
    #expect(dead.values[0].floats.allSatisfy { $0 == 0 })
    #expect(dead.remarks[1] == "all derivatives at 'maps' are zero, and so is the map")
    // Maps of a rectifier that the dense layer weighs negatively alone speak against the class everywhere.
    var draft = ModelDraft()
    draft.input("x", [nil, 1, 2, 2])
    draft.initialiser("w", Tensor(shape: [1, 1], [Float(-1)]))
    draft.node("Abs", ["x"], ["maps"])
    draft.node("GlobalAveragePool", ["maps"], ["mean"])
    draft.node("Flatten", ["mean"], ["flat"])
    draft.node("MatMul", ["flat", "w"], ["out"])
    draft.output("out", [nil, 1])
    let found = try explain(GradCAM(), try Network(bytes: draft.bytes()), normalTensor([1, 1, 2, 2]))
    #expect(found.values[0].floats == [0, 0, 0, 0])
    #expect(
      found.remarks[0] == "no position of 'maps' supports the class: the map is zero; see the map with signs")
  }

  @Test func wrongCallsAreExplained() throws {
    let pooled = try TinyConvolutional().network(),
      flattened = try TinyConvolutional(ending: .flattened).network()
    let cases: [(any AttributionMethod, Network, [String], String)] = [
      (
        ClassActivationMap(), try ClosedForm.convolutional(), [],
        "class activation maps need a network that ends in a mean over positions and one dense layer; here "
          + "Relu node 'out' stands in between; use Grad-CAM"
      ),
      (
        ClassActivationMap(), flattened, [],
        "class activation maps need a network that ends in a mean over positions and one dense layer; here "
          + "Relu node 'maps' stands in between; use Grad-CAM"
      ),
      (
        ClassActivationMap(), pooled, ["conv"],
        "class activation maps are made at 'maps', before the mean over positions, not at 'conv'"
      ),
      (
        GradCAM(), pooled, ["flat"],
        "'flat' holds [3] per example, which is no map of channels in the layout asked for"
      ),
      (
        GradCAM(layout: .tokens(leading: 1, grid: [2, 2])), try TinyTransformer().network(), ["norm1"],
        "1 leading tokens and a grid of 2×2 do not make the 7 tokens of 'norm1'"
      ),
      (ScoreCAM(channels: 0), pooled, [], "Score-CAM needs 1 channel or more, found 0"),
      (GuidedGradCAM(), pooled, ["conv", "maps"], "guided Grad-CAM takes one layer, found 2: conv, maps"),
      (GradCAM(), pooled, ["map"], "no value named 'map'; did you mean 'maps'?"),
    ]
    for (method, network, layers, message) in cases {
      let error = #expect(throws: GraphError.self) {
        try method.attributor(for: Subject(network, layers: layers))
      }
      #expect(error?.description == message)
    }
    let error = #expect(throws: GraphError.self) {
      try explain(GradCAM(), pooled, images, classes: [0, 2, 0])
    }
    #expect(error?.description == "class 2 does not exist; the network has classes 0 to 1")
    var subject = Subject(pooled)
    subject.scale = .probability
    #expect(throws: GraphError.self) { try ClassActivationMap().attributor(for: subject) }
  }
}
