internal import NoemaGraph
internal import NoemaTensor

/// Runs a network and reads the attention weights in it, with what they weigh, or the derivatives of a class output at
/// them, where those are asked for.
///
/// Weights need no name in the file: attention that the file has as one operator is taken apart for them.
struct AttentionRunner {
  /// What one batch gives.
  struct Readings {
    /// The class output of each example.
    var outputs: [Double]
    /// The weights of each layer, from the first on: `[n, heads, tokens, tokens]`.
    var weights: [Tensor]
    /// What each weight is multiplied by, shaped like them: derivatives, or those times relevance per weight; empty
    /// where they were not asked for.
    var gradients: [Tensor]
    /// For each token the products, between heads, of what its values become behind the attention: `[n, tokens, heads,
    /// heads]`; empty where they were not asked for.
    var products: [Tensor]
  }

  /// The number of tokens.
  let tokens: Int
  /// The tokens that stand in front of a grid of patches, and the grid; nil where tokens make no map.
  let grid: (leading: Int, shape: [Int])?
  /// The names of the attention maps, and of all that is read.
  private let names, read: [String]
  private let inputNames: [String]
  private let classCount: Int
  /// The passes backward, each of which has an input for the class.
  private let passCount: Int
  private let readsGradients: Bool
  private let runner: BatchRunner

  /// Compiles a subject's network.
  ///
  /// - Parameters:
  ///   - layers: how many layers are read, the last ones; all when nil. Where the subject names layers, only
  ///     those count.
  ///   - gradients: whether derivatives are read.
  ///   - relevance: the pass that brings relevance to the weights, which derivatives are multiplied with; nil for none.
  ///   - products: whether products of what values become are read.
  ///   - layout: how the tokens lie.
  /// - Throws: `GraphError` for networks without self-attention over all tokens, and layouts that do not fit.
  init(
    _ subject: Subject, last layers: Int? = nil, gradients: Bool = false, relevance: BackwardPass? = nil,
    products: Bool = false, layout: MapLayout
  ) throws {
    var names: [String] = [], read: [String] = [], tokens = 0, classCount = 0
    var grid: (leading: Int, shape: [Int])?
    runner = try BatchRunner(
      subject.network, examples: subject.examples, memory: subject.memory, maximumBatch: subject.maximumBatch,
      shapes: subject.shapes
    ) { graph throws(GraphError) in
      var graph = graph
      try graph.writeOutAttention()
      let explained = try graph.explainedOutput(subject.output, scale: subject.scale)
      let maps = Array(
        try graph.selfAttention(before: explained, named: subject.layers).suffix(layers ?? .max))
      let batch = graph.type(of: explained).shape[0]
      classCount = graph.type(of: explained).shape[1]
      names = maps.map { graph.displayName(of: $0) }
      tokens = try graph.tokenCount(of: maps, batch: batch)
      grid = try graph.grid(of: tokens, before: maps[0], layout)
      graph.outputs = [explained]
      try graph.apply(Pass.canonical, keeping: Set(maps))
      graph.outputs += maps
      // Relevance first: its rules look at who reads a value.
      if let relevance { graph = try relevance.add(to: graph, from: explained, at: maps) }
      if gradients { graph = try BackwardPass.gradient.add(to: graph, from: explained, at: maps) }
      if relevance != nil { try graph.weighGradients(at: maps) }
      for index in graph.outputs.indices.dropFirst() {
        graph.outputs[index] = try graph.headsApart(graph.outputs[index], batch: batch, tokens: tokens)
      }
      read = ["output"] + names + (gradients ? names.map { "gradient at \($0)" } : [])
      if products {
        for map in maps { graph.outputs.append(try graph.valueProducts(behind: map, examples: batch)) }
        read += names.map { "values behind \($0)" }
      }
      return graph
    }
    (self.names, self.read, self.tokens, self.grid, self.classCount) = (names, read, tokens, grid, classCount)
    inputNames = subject.network.inputs.map(\.name)
    readsGradients = gradients
    passCount = (gradients ? 1 : 0) + (relevance == nil ? 0 : 1)
  }

  var batchSize: Int { runner.batchSize }

  /// Reads up to `batchSize` examples.
  ///
  /// - Throws: `GraphError`, also for values that are not finite, with their name and the example.
  func callAsFunction(_ inputs: [Tensor], classes: [Int]) throws -> Readings {
    try checkClasses(classes, of: classCount)
    try checkFinite(inputs, inputNames)
    let choice = try oneHot(classes, count: classCount)
    let results = try runner.run(inputs + Array(repeating: choice, count: passCount))
    let values = results.map { $0.converted(to: .float32) }
    try checkFinite(values, read)
    let end = 1 + names.count, split = end + (readsGradients ? names.count : 0)
    return Readings(
      outputs: picked(values[0], classes), weights: Array(values[1..<end]),
      gradients: Array(values[end..<split]), products: Array(values[split...]))
  }
}

extension Graph {
  /// The attention weights that an output is computed from, all or those of some names.
  fileprivate func selfAttention(
    before explained: Value, named layers: [String]
  ) throws(GraphError) -> [Value] {
    let before = ancestors(of: explained)
    let maps = attentionMaps().map(\.weights).filter { before.contains($0) }
    guard !maps.isEmpty else {
      throw GraphError(
        .unsupported(
          "the network has no attention: no softmax of products of queries and keys that the output "
            + "depends on"
        ))
    }
    if layers.isEmpty { return maps }
    let known = maps.flatMap { names(of: $0) }
    if let unknown = layers.first(where: { !known.contains($0) }) {
      throw GraphError(
        .unknownName(
          unknown, what: "attention map", suggestions: EditDistance.nearest(unknown, in: known)))
    }
    return maps.filter { map in names(of: map).contains { layers.contains($0) } }
  }

  /// The number of tokens that attend to each other in all maps.
  fileprivate func tokenCount(of maps: [Value], batch: Int) throws(GraphError) -> Int {
    var tokens: Int?
    for map in maps {
      let shape = type(of: map).shape, last = shape.count - 1, name = displayName(of: map)
      guard shape.count == 4 ? shape[0] == batch : shape.count == 3 && shape[0] % batch == 0 else {
        throw GraphError(
          .unsupported(
            "attention '\(name)' has shape \(shape) for \(batch) example\(batch == 1 ? "" : "s"), as within "
              + "windows; attention over all tokens at once is needed"))
      }
      guard shape[last] == shape[last - 1] else {
        throw GraphError(
          .unsupported(
            "attention '\(name)' goes from \(shape[last]) tokens to \(shape[last - 1]) others; "
              + "self-attention is needed"
          ))
      }
      guard tokens ?? shape[last] == shape[last] else {
        throw GraphError(
          .unsupported(
            "attention '\(name)' is among \(shape[last]) tokens and a layer before among \(tokens!); "
              + "name layers of one number of tokens"))
      }
      tokens = shape[last]
    }
    return tokens ?? 0
  }

  /// How tokens lie on a map; nil when they make none.
  fileprivate func grid(
    of tokens: Int, before value: Value, _ layout: MapLayout
  ) throws(GraphError) -> (leading: Int, shape: [Int])? {
    switch layout {
    case .automatic:
      guard let (leading, grid) = tokenGrid(tokens, before: value) else { return nil }
      return (leading, grid)
    case .tokens(let leading, let grid):
      guard leading >= 0, !grid.isEmpty, grid.allSatisfy({ $0 > 0 }), leading + grid.reduce(1, *) == tokens
      else {
        throw GraphError(
          .input(
            "\(leading) leading tokens and a grid of \(grid.map(String.init).joined(separator: "×")) do not "
              + "make \(tokens) tokens"))
      }
      return (leading, grid)
    case .channelsFirst, .channelsLast:
      throw GraphError(.input("attention is among tokens; give their layout, or leave it to be found"))
    }
  }

  /// Makes one output of the relevance and the derivative at each attention map, which stand last: `∂y/∂A · R / A`, 0
  /// where no weight is. Times the weight it is `∂y/∂A · R`.
  fileprivate mutating func weighGradients(at maps: [Value]) throws(GraphError) {
    let gradients = outputs.suffix(maps.count), relevance = outputs.dropLast(maps.count).suffix(maps.count)
    outputs.removeLast(2 * maps.count)
    for (map, (gradient, relevance)) in zip(maps, zip(gradients, relevance)) {
      let share = try apply(Binary(.div), relevance, apply(Unary(.stabilized(epsilon: 0)), map))
      outputs.append(try apply(Binary(.mul), gradient, share))
    }
  }

  /// `[batch · heads, tokens, tokens] → [batch, heads, tokens, tokens]`: exporters put the heads of an
  /// example together.
  fileprivate mutating func headsApart(_ value: Value, batch: Int, tokens: Int) throws(GraphError) -> Value {
    let shape = type(of: value).shape
    if shape.count == 4 { return value }
    return try apply(Reshape(shape: [batch, shape[0] / max(batch, 1), tokens, tokens]), value)
  }
}
