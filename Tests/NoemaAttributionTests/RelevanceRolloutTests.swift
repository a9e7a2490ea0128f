import NoemaAttribution
import NoemaGraph
import NoemaTensor
import NoemaTestSupport
import Testing

/// The relevance of attention weights in the small transformer, written down row by row in double precision from hidden
/// values that the network gives.
private struct Naive {
  private typealias Rows = [[Double]]

  private static let epsilon = 1e-6
  private let values: [String: (elements: [Double], gradient: [Double])]
  private let layers: Int
  private let tokens = 7, width = 4

  init(layers: Int, _ images: Tensor, class target: Int) throws {
    self.layers = layers
    let names =
      ["tokens", "pooled"]
      + (0..<layers).flatMap { layer in
        ["norm", "q", "k", "v", "weights", "mixed", "projected", "block"].map { "\($0)\(layer)" }
      }
    let hooked = try HookedNetwork(
      TinyTransformer(layers: layers).network(), layers: names, gradients: 1, examples: images.shape[0])
    let read = try hooked.read([images], classes: [Array(repeating: target, count: images.shape[0])])
    var values: [String: (elements: [Double], gradient: [Double])] = [:]
    for (index, name) in names.enumerated() {
      values[name] = (
        read.activations[index].floats.map { Double($0) }, read.gradients[index].floats.map { Double($0) }
      )
    }
    self.values = values
  }

  private func rows(_ name: String, _ example: Int) -> Rows {
    let start = example * tokens * width
    return (0..<tokens).map { Array(values[name]!.elements[start + $0 * width..<start + ($0 + 1) * width]) }
  }

  private func matrix(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix {
    Matrix(
      rowCount: rows, columnCount: columns,
      elements: normalTensor([rows, columns], seed: seed).floats.map { Double($0) })
  }

  private func kept(_ z: Double) -> Double { z < 0 ? z - Self.epsilon : z + Self.epsilon }

  /// Positive contributions alone.
  private func shared(_ relevance: [Double], _ x: [Double], _ weights: Matrix) -> [Double] {
    var result = [Double](repeating: 0, count: x.count)
    for column in relevance.indices {
      let parts = x.indices.map { max(0, x[$0] * weights[$0, column]) }
      let whole = kept(parts.reduce(0, +))
      for row in x.indices { result[row] += parts[row] / whole * relevance[column] }
    }
    return result
  }

  /// What the two terms of a sum get: their totals are in the proportion of their magnitudes.
  private func split(_ relevance: Rows, _ first: Rows, _ sum: Rows) -> (Rows, Rows) {
    func each(_ value: (Int, Int) -> Double) -> Rows {
      (0..<tokens).map { i in (0..<width).map { value(i, $0) } }
    }
    func total(_ rows: Rows) -> Double { rows.reduce(0) { $0 + $1.reduce(0, +) } }
    let a = each { first[$0][$1] * relevance[$0][$1] / kept(sum[$0][$1]) }
    let b = each { relevance[$0][$1] - a[$0][$1] }
    let scale = total(relevance) / (abs(total(a)) + abs(total(b)))
    let (left, right) = (total(a) < 0 ? -scale : scale, total(b) < 0 ? -scale : scale)
    return (each { a[$0][$1] * left }, each { b[$0][$1] * right })
  }

  /// For each layer the relevance of the weights, `[head][query][key]`.
  private func relevance(_ example: Int, class target: Int) -> [[Rows]] {
    let pooled = Array(values["pooled"]!.elements[example * width..<(example + 1) * width])
    var stream = Rows(repeating: [Double](repeating: 0, count: width), count: tokens)
    stream[0] = shared((0..<3).map { $0 == target ? 1 : 0 }, pooled, matrix(width, 3, seed: 50))
    var found: [[Rows]] = []
    for layer in (0..<layers).reversed() {
      func weights(_ part: UInt64) -> Matrix {
        matrix(width, width, seed: UInt64(100 * layer) + 1 + part)
      }
      func rows(_ name: String) -> Rows { self.rows("\(name)\(layer)", example) }
      let input = self.rows(layer == 0 ? "tokens" : "block\(layer - 1)", example)
      let (around, projected) = split(stream, input, rows("block"))
      let mixed = rows("mixed"), q = rows("q"), k = rows("k"), v = rows("v"), norm = rows("norm")
      let ofMixed = (0..<tokens).map { shared(projected[$0], mixed[$0], weights(3)) }
      var ofQ = Rows(repeating: [Double](repeating: 0, count: width), count: tokens), ofK = ofQ, ofV = ofQ
      var heads: [Rows] = []
      for head in 0..<2 {
        let columns = [2 * head, 2 * head + 1]
        var ofWeights = Rows(repeating: [Double](repeating: 0, count: tokens), count: tokens)
        for i in 0..<tokens {
          for j in 0..<tokens {
            let weight =
              values["weights\(layer)"]!.elements[((example * 2 + head) * tokens + i) * tokens + j]
            for d in columns {
              let part = weight * v[j][d] * ofMixed[i][d] / kept(mixed[i][d]) / 2
              ofWeights[i][j] += part
              ofV[j][d] += part
            }
            let product = columns.reduce(0) { $0 + q[i][$1] * k[j][$1] }
            for d in columns {
              let part = q[i][d] * k[j][d] * ofWeights[i][j] / kept(product) / 2
              ofQ[i][d] += part
              ofK[j][d] += part
            }
          }
        }
        heads.append(ofWeights)
      }
      found.insert(heads, at: 0)
      for token in 0..<tokens {
        let parts = [(ofQ, 0), (ofK, 1), (ofV, 2)].map { shared($0.0[token], norm[token], weights($0.1)) }
        for d in 0..<width { stream[token][d] = around[token][d] + parts.reduce(0) { $0 + $1[d] } }
      }
    }
    return found
  }

  /// The patches' entries in the class token's row of the product of all layers.
  func patches(_ example: Int, class target: Int) -> [Float] {
    var product = Matrix(rowCount: tokens, columnCount: tokens)
    for i in 0..<tokens { product[i, i] = 1 }
    for (layer, heads) in relevance(example, class: target).enumerated() {
      var matrix = Matrix(rowCount: tokens, columnCount: tokens)
      for i in 0..<tokens {
        for j in 0..<tokens {
          for head in 0..<2 {
            let at = ((example * 2 + head) * tokens + i) * tokens + j
            matrix[i, j] += max(0, values["weights\(layer)"]!.gradient[at] * heads[head][i][j]) / 2
          }
        }
        matrix[i, i] += 1
      }
      product = matrix.times(product)
    }
    return product.row(0).dropFirst().map { Float($0) }
  }
}

private let images = normalTensor([3, 1, 4, 6], seed: 7)
private let classes = [1, 1, 1]

/// Quotients by sums and products that partly cancel, in float32.
private let rolloutTolerance = 1e-3

@Suite struct RelevanceRolloutTests {
  @Test(arguments: [1, 2, 3])
  func followsThePaper(_ layers: Int) throws {
    let network = try TinyTransformer(layers: layers).network()
    let found = try explain(AttentionRelevance(.relevance), network, images, classes: classes)
    let naive = try Naive(layers: layers, images, class: 1)
    let expected = (0..<3).flatMap { naive.patches($0, class: 1) }
    #expect(expected.contains { $0 > 0 })
    #expect(found.values[0].shape == [3, 2, 3])
    #expect(
      scaledDifference(found.values[0], Tensor(shape: [3, 2, 3], expected))! < rolloutTolerance)
    // The later method by the same authors is another one.
    let later = try explain(AttentionRelevance(), network, images, classes: classes).values[0]
    #expect(scaledDifference(found.values[0], later)! > 0.01)
  }

  /// However an exporter writes attention, it is the same attention.
  @Test(arguments: [TinyTransformer.Style.flat, .fused])
  func stylesAgree(_ style: TinyTransformer.Style) throws {
    func values(_ style: TinyTransformer.Style) throws -> Tensor {
      try explain(
        AttentionRelevance(.relevance), TinyTransformer(style: style).network(), images, classes: classes
      ).values[0]
    }
    #expect(scaledDifference(try values(style), try values(.plain))! < rolloutTolerance)
  }

  /// One of two layers, by its name.
  @Test func layersAreChosenByName() throws {
    let network = try TinyTransformer().network()
    let upper = try explain(
      AttentionRelevance(.relevance), network, images, classes: classes, layers: ["weights1"]
    ).values[0]
    let whole = try explain(AttentionRelevance(.relevance), network, images, classes: classes).values[0]
    #expect(scaledDifference(upper, whole)! > 1e-3)
    // A lower layer adds to what the upper one has, and takes nothing.
    #expect(zip(whole.floats, upper.floats).allSatisfy { $0 >= $1 - 1e-6 })
  }

  @Test(arguments: AttendingToken.allCases)
  func paddingDoesNotMatter(_ attending: AttendingToken) throws {
    func values(padding: Int) throws -> [Float] {
      let network = try TinyTransformer(isImage: false, tokens: 4 + padding).network()
      let ids: [Int64] = [3, 1, 4, 5] + Array(repeating: 0, count: padding)
      let mask: [Float] = [1, 1, 1, 1] + Array(repeating: 0, count: padding)
      return try AttentionRelevance(.relevance, attending: attending).attributor(for: Subject(network))
        .attribute(
          [Tensor(shape: [1, ids.count], ids), Tensor(shape: [1, ids.count], mask)], classes: [1]
        ).values[0].floats
    }
    let bare = try values(padding: 0), padded = try values(padding: 3)
    #expect(padded.count == 7 && padded[4...].allSatisfy { $0 == 0 })
    #expect(
      scaledDifference(Tensor(shape: [4], Array(padded[..<4])), Tensor(shape: [4], bare))! < rolloutTolerance)
  }

  @Test func otherScalesAreRefused() throws {
    var subject = Subject(try TinyTransformer().network())
    subject.scale = .probability
    let error = #expect(throws: GraphError.self) {
      try AttentionRelevance(.relevance).attributor(for: subject)
    }
    #expect(
      error?.description
        == "relevance starts at the raw output, the logit, where contributions add up; found another scale")
  }
}
