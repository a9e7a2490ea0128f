import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// Networks that tools which follow modules refuse or get wrong: a layer or an activation that is used twice, functions
/// that are no modules, rectifiers in place, and residual networks made of all that.
@Suite struct KnownAnswersReuseTests {
  /// Float32 rounding of a few layers, as a share of the largest value.
  private static let tolerance = 1e-4

  private static let methods: [any AttributionMethod] = [
    Gradient(), GradientTimesInput(), IntegratedGradients(), DeepLIFT(), DeepLIFT(rule: .revealCancel),
    LayerwiseRelevance(.epsilon(0)), LayerwiseRelevance(.epsilonPlus), LayerwiseRelevance(.gamma()),
    GuidedBackprop(), Deconvolution(),
  ]

  private func explained(
    _ method: any AttributionMethod, _ network: Network, _ x: Tensor, _ classes: [Int]
  ) throws -> Attribution {
    var subject = Subject(network)
    subject.examples = classes.count
    return try method.attributor(for: subject).attribute([x], classes: classes)
  }

  // MARK: Chains

  /// A layer of three units, its inputs' weights one behind the other.
  private struct Dense {
    var weights: [[Double]]
    var bias: [Double]

    func callAsFunction(_ x: [Double]) -> [Double] {
      zip(weights, bias).map { row, bias in zip(row, x).reduce(bias) { $0 + $1.0 * $1.1 } }
    }
    /// `Wᵀ s`.
    func transposed(_ s: [Double]) -> [Double] {
      bias.indices.map { i in bias.indices.reduce(0) { $0 + weights[$1][i] * s[$1] } }
    }
  }

  private static let first = Dense(
    weights: [[1, -2, 0.5], [0.25, 1, 1], [2, 0.5, -1]], bias: [1, 0.5, -0.25])
  private static let second = Dense(
    weights: [[-1, 1.5, 2], [1, 0.5, 0], [0.75, -1, 1]], bias: [0, -1, 0.5])

  /// `x → layer → ReLU → layer → ReLU` with a layer for each entry; equal ones share their parameters, or each have a
  /// copy of their own.
  private func chain(_ layers: [Dense], shares: Bool) throws -> Network {
    var draft = ModelDraft()
    draft.input("x", [nil, 3])
    for (index, layer) in (shares ? Array(layers.prefix(1)) : layers).enumerated() {
      draft.initialiser("w\(index)", Tensor(shape: [3, 3], layer.weights.flatMap { $0.map { Float($0) } }))
      draft.initialiser("b\(index)", Tensor(shape: [3], layer.bias.map { Float($0) }))
    }
    var stream = "x"
    for index in layers.indices {
      let own = shares ? 0 : index, end = index == layers.count - 1
      draft.node(
        "Gemm", [stream, "w\(own)", "b\(own)"], ["z\(index)"],
        name: "/lin1/Gemm\(index == 0 ? "" : "_\(index)")",
        ["transB": .int(1)])
      draft.node(
        "Relu", ["z\(index)"], [end ? "out" : "a\(index)"], name: "/relu/Relu\(index == 0 ? "" : "_\(index)")"
      )
      stream = "a\(index)"
    }
    draft.output("out", [nil, 3])
    return try Network(bytes: draft.bytes())
  }

  /// LRP-0 and DeepLIFT's secants from a baseline of 0, a layer after the other, as the papers write them.
  private func expected(_ layers: [Dense], _ x: [Double], class target: Int) -> (
    lrp: [Double], deepLIFT: [Double]
  ) {
    var (a, a0) = ([x], [x.map { _ in 0.0 }])
    var (z, z0): ([[Double]], [[Double]]) = ([], [])
    for layer in layers {
      z.append(layer(a.last!))
      z0.append(layer(a0.last!))
      a.append(z.last!.map { max($0, 0) })
      a0.append(z0.last!.map { max($0, 0) })
    }
    var relevance = a.last!.indices.map { $0 == target ? a.last![$0] : 0 }
    var multiplier = a.last!.indices.map { $0 == target ? 1.0 : 0 }
    for (index, layer) in layers.enumerated().reversed() {
      let share = zip(relevance, z[index]).map { $1 == 0 ? 0 : $0 / $1 }
      relevance = zip(a[index], layer.transposed(share)).map { $0 * $1 }
      let secants = a[index].indices.map { unit in
        (a[index + 1][unit] - a0[index + 1][unit]) / (z[index][unit] - z0[index][unit])
      }
      multiplier = layer.transposed(zip(multiplier, secants).map { $0 * $1 })
    }
    return (relevance, zip(x, multiplier).map { $0 * $1 })
  }

  /// One activation behind two layers, and one layer with its activation used twice.
  @Test(arguments: [false, true])
  func chainsFollowTheFormulas(_ reusesLayer: Bool) throws {
    let layers = [Self.first, reusesLayer ? Self.first : Self.second]
    let network = try chain(layers, shares: reusesLayer)
    let x: [Double] = [1, 2, -0.5]
    for target in 0..<3 {
      let expected = expected(layers, x, class: target)
      let input = Tensor(shape: [1, 3], x.map { Float($0) })
      for (method, answer) in [
        (LayerwiseRelevance(.epsilon(0)) as any AttributionMethod, expected.lrp),
        (DeepLIFT() as any AttributionMethod, expected.deepLIFT),
      ] {
        let found = try explained(method, network, input, [target]).values[0].floats
        for (a, b) in zip(found, answer) {
          #expect(abs(Double(a) - b) < Self.tolerance, "\(found), not \(answer)")
        }
      }
      #expect(abs(expected.deepLIFT.reduce(0, +)) > 0.01 || target == 0)
    }
  }

  /// A layer that is used twice is two layers with the same parameters, for every method.
  @Test func sharedParametersAreCopies() throws {
    let layers = [Self.first, Self.first], x = normalTensor([4, 3], seed: 5)
    let (shared, copied) = (try chain(layers, shares: true), try chain(layers, shares: false))
    for method in Self.methods {
      let found = try explained(method, shared, x, [0, 1, 2, 1])
      let expected = try explained(method, copied, x, [0, 1, 2, 1])
      #expect(found.values == expected.values && found.outputs == expected.outputs, "\(method)")
      #expect(found.values[0].floats.contains { $0 != 0 }, "\(method)")
    }
  }

  // MARK: Residual networks

  /// The layers of ResNet-18 with few channels: a stem with overlapping maxima and four stages of two blocks, each of
  /// two normalised convolutions, a rectifier that is used twice, and a way around, with a convolution where the shape
  /// changes.
  private struct Residual {
    /// How the file names and joins its nodes.
    enum Style: CaseIterable {
      /// As modules are exported, with a number for each further use.
      case modules
      /// Without names, with the functions that have no module.
      case functional
      /// With a copy behind every rectifier, and parameters that come by way of copies.
      case inPlace
    }
    var style = Style.modules
    static let widths = [4, 6, 8, 10], classes = 5

    func network() throws -> Network {
      var draft = ModelDraft()
      draft.input("x", [nil, 3, 32, 32])
      var stream = convolution(&draft, "conv1", "x", 3, Self.widths[0], kernel: 7, stride: 2, seed: 1)
      stream = rectified(&draft, "relu", stream)
      draft.node(
        "MaxPool", [stream], ["maxpool"], name: name("maxpool/MaxPool"),
        ["kernel_shape": .ints([3, 3]), "strides": .ints([2, 2]), "pads": .ints([1, 1, 1, 1])])
      stream = "maxpool"
      var channels = Self.widths[0]
      for (stage, width) in Self.widths.enumerated() {
        for block in 0..<2 {
          let seed = UInt64(100 * (stage + 1) + 10 * block)
          stream = self.block(
            &draft, "layer\(stage + 1).\(block)", stream, channels, width,
            stride: stage > 0 && block == 0 ? 2 : 1,
            seed: seed)
          channels = width
        }
      }
      if style == .functional {
        draft.node("ReduceMean", [stream], ["means"], ["axes": .ints([2, 3]), "keepdims": .int(0)])
      } else {
        draft.node("GlobalAveragePool", [stream], ["pooled"], name: "avgpool/GlobalAveragePool")
        draft.node("Flatten", ["pooled"], ["means"], name: "Flatten")
      }
      draft.initialiser("fc.weight", normalTensor([channels, Self.classes], seed: 2))
      draft.initialiser("fc.bias", normalTensor([Self.classes], seed: 3))
      draft.node("Gemm", ["means", "fc.weight", "fc.bias"], ["logits"], name: name("fc/Gemm"))
      draft.output("logits", [nil, Self.classes])
      return try Network(bytes: draft.bytes())
    }

    private func name(_ text: String) -> String { style == .functional ? "" : text }

    private func rectified(_ draft: inout ModelDraft, _ path: String, _ from: String) -> String {
      let result = "\(path)_out"
      draft.node("Relu", [from], [result], name: name("\(path)/Relu"))
      if style != .inPlace { return result }
      draft.node("Identity", [result], ["\(path)_same"])
      return "\(path)_same"
    }

    /// A convolution without a bias, and batch normalisation.
    private func convolution(
      _ draft: inout ModelDraft, _ path: String, _ from: String, _ channels: Int, _ width: Int, kernel: Int,
      stride: Int, seed: UInt64
    ) -> String {
      func parameter(_ name: String, _ tensor: Tensor) -> String {
        draft.initialiser("\(path).\(name)", tensor)
        if style != .inPlace { return "\(path).\(name)" }
        draft.node("Identity", ["\(path).\(name)"], ["\(path).\(name)_same"])
        return "\(path).\(name)_same"
      }
      func draws(_ seed: UInt64, _ transform: (Float) -> Float) -> Tensor {
        Tensor(shape: [width], normalTensor([width], seed: seed).floats.map(transform))
      }
      let size = (2 / Float(channels * kernel * kernel)).squareRoot()
      let filters = normalTensor([width, channels, kernel, kernel], seed: seed).floats.map { size * $0 }
      let weight = parameter("weight", Tensor(shape: [width, channels, kernel, kernel], filters))
      let statistics = [
        parameter("scale", draws(seed + 1) { 0.5 + 0.2 * abs($0) }),
        parameter("shift", draws(seed + 2) { 0.1 * $0 }), parameter("mean", draws(seed + 3) { 0.1 * $0 }),
        parameter("variance", draws(seed + 4) { 0.5 + 0.5 * abs($0) }),
      ]
      draft.node(
        "Conv", [from, weight], ["\(path)_z"], name: name("\(path)/Conv"),
        [
          "kernel_shape": .ints([kernel, kernel]), "strides": .ints([stride, stride]),
          "pads": .ints(Array(repeating: kernel / 2, count: 4)),
        ])
      draft.node(
        "BatchNormalization", ["\(path)_z"] + statistics, ["\(path)_n"],
        name: name("\(path)/BatchNormalization"))
      return "\(path)_n"
    }

    private func block(
      _ draft: inout ModelDraft, _ path: String, _ from: String, _ channels: Int, _ width: Int, stride: Int,
      seed: UInt64
    ) -> String {
      let first = convolution(
        &draft, "\(path).conv1", from, channels, width, kernel: 3, stride: stride, seed: seed)
      let open = rectified(&draft, "\(path).relu", first)
      let second = convolution(
        &draft, "\(path).conv2", open, width, width, kernel: 3, stride: 1, seed: seed + 5)
      var around = from
      if stride != 1 || channels != width {
        around = convolution(
          &draft, "\(path).downsample", from, channels, width, kernel: 1, stride: stride, seed: seed + 9)
      }
      draft.node("Add", [second, around], ["\(path)_sum"], name: name("\(path)/Add"))
      return rectified(&draft, "\(path).relu_1", "\(path)_sum")
    }
  }

  private static let images = normalTensor([3, 3, 32, 32], seed: 61)
  private static let targets = [0, 3, 4]

  /// However the nodes are written, the attributions are those of the same network.
  @Test(arguments: [Residual.Style.functional, .inPlace])
  private func stylesAgree(_ style: Residual.Style) throws {
    let (plain, other) = (try Residual().network(), try Residual(style: style).network())
    for method in Self.methods {
      let expected = try explained(method, plain, Self.images, Self.targets).values[0]
      let found = try explained(method, other, Self.images, Self.targets).values[0]
      #expect(scaledDifference(found, expected)! < Self.tolerance, "\(method)")
    }
  }

  /// What DeepLIFT shares out misses the difference of outputs by less than 1e-4 of the outputs' range.
  @Test(arguments: Residual.Style.allCases, DeepLIFT.Rule.allCases)
  private func deepLIFTIsComplete(_ style: Residual.Style, _ rule: DeepLIFT.Rule) throws {
    let network = try Residual(style: style).network()
    let outputs = try HookedNetwork(network, layers: [], examples: 3).read([Self.images]).output.floats
    let range = Double(outputs.max()! - outputs.min()!)
    let found = try explained(DeepLIFT(rule: rule), network, Self.images, Self.targets)
    for (sum, expected) in zip(found.sums, found.expectedSums!) {
      #expect(abs(sum - expected) < 1e-4 * range, "\(sum), not \(expected)")
    }
    // Enough for the limit to mean something.
    #expect(found.expectedSums!.contains { abs($0) > 0.05 * range })
  }

  /// In a network of rectifiers LRP-0 is gradient times input, whatever is pooled and added on the way.
  @Test func relevanceIsGradientTimesInput() throws {
    let network = try Residual().network()
    let found = try explained(LayerwiseRelevance(.epsilon(0)), network, Self.images, Self.targets)
    let expected = try explained(GradientTimesInput(), network, Self.images, Self.targets)
    #expect(scaledDifference(found.values[0], expected.values[0])! < 1e-3)
  }
}
