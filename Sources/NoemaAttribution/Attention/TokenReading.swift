internal import NoemaGraph
internal import NoemaTensor

/// Which token's attention is explained.
public enum AttendingToken: String, Sendable, Hashable, Codable, CaseIterable {
  /// The first, which encoders classify by.
  case classToken = "class-token"
  /// The last that is no padding, which causal models predict from.
  case last
  /// All that are no padding, for networks that classify by their mean.
  case mean
}

/// How the heads of a layer become one.
public enum HeadFusion: String, Sendable, Hashable, Codable, CaseIterable {
  case mean, max, min
}

/// The attention of one example: a matrix for each layer, from the first on, among the tokens that are no
/// padding. Rows attend to columns.
struct TokenAttention {
  /// The tokens, by their places; nobody attends to any other.
  let tokens: [Int]
  /// The attending tokens' shares, which sum to 1.
  let start: [Double]
  /// The matrices.
  let layers: [Matrix]
  /// The number of heads that each was made of.
  let heads: [Int]
}

/// A method that follows attention from one token to the others.
///
/// The token's own entry is 0: what it keeps says nothing of the others. Padding is 0.
struct AttentionAttributor: Attributor {
  let runner: AttentionRunner
  let attending: AttendingToken
  let fusion: HeadFusion
  /// Makes a value for each token that takes part.
  let follow: (TokenAttention) throws -> [Double]

  var batchSize: Int { runner.batchSize }

  /// - Throws: `GraphError.input` when a class token is to be explained that is not there.
  init(
    _ runner: AttentionRunner, _ attending: AttendingToken, _ fusion: HeadFusion = .mean,
    follow: @escaping (TokenAttention) throws -> [Double]
  ) throws(GraphError) {
    if attending == .classToken, let grid = runner.grid, grid.leading == 0, grid.shape.count > 1 {
      throw GraphError(
        .input(
          "the \(runner.tokens) tokens are patches, without a class token; explain the mean of all tokens "
            + "instead (--attending mean)"))
    }
    (self.runner, self.attending, self.fusion, self.follow) = (runner, attending, fusion, follow)
  }

  func attribute(_ inputs: [Tensor], classes: [Int], first: Int) throws -> Attribution {
    let readings = try runner(inputs, classes: classes)
    var rows: [Float] = []
    var remarks: [Int: String] = [:]
    for example in classes.indices {
      let attention = readings.attention(of: example, attending, fusion)
      var values = [Double](repeating: 0, count: runner.tokens)
      for (token, value) in zip(attention.tokens, try follow(attention)) { values[token] = value }
      if attending != .mean, let own = attention.start.firstIndex(of: 1) { values[attention.tokens[own]] = 0 }
      if !readings.gradients.isEmpty,
        readings.gradients.allSatisfy({ $0.row(example) { $0.allSatisfy { $0 == 0 } } })
      {
        remarks[example] = "all derivatives at the attention weights are zero, and so are the attributions"
      }
      rows += values.dropFirst(runner.grid?.leading ?? 0).map { Float($0) }
    }
    var attribution = Attribution(
      values: [Tensor(shape: [classes.count] + (runner.grid?.shape ?? [runner.tokens]), rows)],
      outputs: readings.outputs)
    attribution.remarks = remarks
    return attribution
  }
}

extension AttentionRunner.Readings {
  /// The matrices of one example: weights, or where there are derivatives the positive parts of their products, or
  /// where there are values the lengths of what they weigh.
  fileprivate func attention(
    of example: Int, _ attending: AttendingToken, _ fusion: HeadFusion
  ) -> TokenAttention {
    var present = attended(example)
    if attending == .classToken { present[0] = true }
    let tokens = present.indices.filter { present[$0] }
    var start = [Double](repeating: 0, count: tokens.count)
    switch attending {
    case .classToken: start[0] = 1
    case .last: start[tokens.count - 1] = 1
    case .mean: start = start.map { _ in 1 / Double(tokens.count) }
    }
    return TokenAttention(
      tokens: tokens, start: start,
      layers: weights.indices.map {
        products.isEmpty ? fused(example, layer: $0, tokens, fusion) : lengths(example, layer: $0, tokens)
      },
      heads: weights.map { $0.shape[1] })
  }

  /// For each token whether any token attends to it: masks leave nothing for padding.
  private func attended(_ example: Int) -> [Bool] {
    let count = weights[0].shape[3]
    var found = [Bool](repeating: false, count: count)
    for layer in weights {
      layer.row(example) { weights in
        for i in weights.indices where weights[i] > 0 { found[i % count] = true }
      }
    }
    // Where masks leave nothing at all, nothing is padding.
    return found.contains(true) ? found : found.map { _ in true }
  }

  private func fused(_ example: Int, layer: Int, _ tokens: [Int], _ fusion: HeadFusion) -> Matrix {
    let heads = weights[layer].shape[1], count = weights[layer].shape[3], size = tokens.count
    var matrix = Matrix(rowCount: size, columnCount: size)
    func add(_ value: (Int) -> Double) {
      for head in 0..<heads {
        for (row, from) in tokens.enumerated() {
          let start = (head * count + from) * count
          for (column, to) in tokens.enumerated() {
            let at = row * size + column, value = value(start + to), before = matrix.elements[at]
            switch fusion {
            case .mean: matrix.elements[at] = before + value / Double(heads)
            case .max: matrix.elements[at] = head == 0 ? value : max(before, value)
            case .min: matrix.elements[at] = head == 0 ? value : min(before, value)
            }
          }
        }
      }
    }
    weights[layer].row(example) { weights in
      if gradients.isEmpty {
        add { Double(weights[$0]) }
      } else {
        gradients[layer].row(example) { gradients in
          add { max(Double(weights[$0]) * Double(gradients[$0]), 0) }
        }
      }
    }
    return matrix
  }
}

extension AttentionRunner.Readings {
  /// How long the vectors are that tokens take from each other, heads added up: `‖Σ_h α_h v_h‖`, whose square is
  /// `Σ α_g α_h (v_g · v_h)`.
  fileprivate func lengths(_ example: Int, layer: Int, _ tokens: [Int]) -> Matrix {
    let heads = weights[layer].shape[1], count = weights[layer].shape[3]
    var matrix = Matrix(rowCount: tokens.count, columnCount: tokens.count)
    weights[layer].row(example) { weights in
      products[layer].row(example) { products in
        for (row, from) in tokens.enumerated() {
          for (column, to) in tokens.enumerated() {
            let alphas = (0..<heads).map { Double(weights[($0 * count + from) * count + to]) }
            var square = 0.0
            for g in 0..<heads {
              for h in 0..<heads {
                square += alphas[g] * alphas[h] * Double(products[(to * heads + g) * heads + h])
              }
            }
            // Rounding may leave less than nothing.
            matrix[row, column] = max(square, 0).squareRoot()
          }
        }
      }
    }
    return matrix
  }
}

extension Matrix {
  /// `rowᵀ · self`.
  func advanced(_ row: [Double]) -> [Double] {
    var result = [Double](repeating: 0, count: columnCount)
    for (i, share) in row.enumerated() where share != 0 {
      for j in 0..<columnCount { result[j] += share * self[i, j] }
    }
    return result
  }

  /// Half attention, half staying where one is: `I` is added for the connection around the attention, and
  /// rows made to sum to 1.
  func withResidual() -> Matrix {
    var result = self
    for i in 0..<rowCount {
      result[i, i] += 1
      let sum = result.row(i).reduce(0, +)
      for j in 0..<columnCount { result[i, j] /= sum }
    }
    return result
  }
}
