import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct SoftTreeTests {
  private static let features = [
    Feature("length", unit: "cm"), Feature("colour", kind: .categorical(levels: ["red", "\"blue\""])),
  ]

  private static let columns: [SoftTree.Column] = [
    .init(feature: 0, mean: 1, scale: 2), .init(feature: 1, level: 0), .init(feature: 1, level: 1),
  ]

  private func small() throws -> SoftTree {
    try SoftTree(
      features: Self.features, classes: ["a", "b"], depth: 1, inverseTemperature: 2, columns: Self.columns,
      weights: [1.25, -0.5, 0.125], biases: [-0.1], leafScores: [log(3.0), 0, -20, 20])
  }

  private func random(depth: Int, seed: UInt64) throws -> SoftTree {
    var random = RandomNumbers(seed: seed)
    let shape = SoftTreeShape(depth: depth, columnCount: 3, classCount: 3)
    return try SoftTree(
      features: Self.features, classes: ["a", "b", "c"], depth: depth, columns: Self.columns,
      weights: shape.weights.map { _ in 2 * random.normal() },
      biases: shape.biases.map { _ in random.normal() },
      leafScores: shape.scores.map { _ in random.normal() })
  }

  private func table(_ count: Int, seed: UInt64 = 1) throws -> RuleTable {
    var random = RandomNumbers(seed: seed)
    return try RuleTable(
      features: Self.features,
      rows: (0..<count).map { row in
        [row % 9 == 0 ? .nan : 4 * random.normal(), row % 7 == 0 ? .nan : Double(random.index(below: 2))]
      })
  }

  @Test func chancesAreLogistic() throws {
    let tree = try small()
    let rows: [[Double]] = [[3, 0], [3, 1], [.nan, 1], [-1, .nan]]
    let table = try RuleTable(features: Self.features, rows: rows)
    // 1.25 · (3 − 1)/2 − 0.5 − 0.1 and so on; a missing number is the mean, a missing category no level.
    let outputs: [Double] = [0.65, 1.275, 0.025, -1.35]
    let paths = try tree.pathProbabilities(of: table)
    for (row, output) in outputs.enumerated() {
      let right = 1 / (1 + exp(-2 * output))
      #expect(abs(paths[row * 2] - (1 - right)) < 1e-12 && abs(paths[row * 2 + 1] - right) < 1e-12)
    }
    #expect(abs(tree.distribution(ofLeaf: 0)[0] - 0.75) < 1e-15)
    #expect(try tree.labels(of: table, by: .greatestPath) == [1, 1, 1, 0])
    let mixture = try tree.probabilities(of: table, by: .mixture)
    for row in 0..<4 { #expect(abs(mixture[row * 2] - 0.75 * paths[row * 2]) < 1e-12) }
    #expect(try tree.probabilities(of: table) == tree.probabilities(of: table, by: .greatestPath))
  }

  @Test(arguments: 1...5)
  func waysAreProductsAndAddToOne(_ depth: Int) throws {
    let tree = try random(depth: depth, seed: 20)
    // More rows than are routed at once.
    let table = try table(1100)
    let paths = try tree.pathProbabilities(of: table)
    #expect(paths.count == 1100 << depth)
    for row in stride(from: 0, to: 1100, by: 9) {
      let own = paths[(row << depth)..<((row + 1) << depth)]
      #expect(abs(own.reduce(0, +) - 1) < 1e-12)
      let inputs = Self.columns.map { $0.number(table[row, $0.feature]) }
      for (leaf, chance) in own.enumerated() {
        var (node, product) = (0, 1.0)
        for level in (0..<depth).reversed() {
          let output = zip(tree.filter(of: node), inputs).reduce(tree.biases[node]) { $0 + $1.0 * $1.1 }
          let right = 1 / (1 + exp(-output))
          let goesRight = leaf >> level & 1 == 1
          product *= goesRight ? right : 1 - right
          node = 2 * node + (goesRight ? 2 : 1)
        }
        #expect(abs(product - chance) < 1e-12)
      }
    }
    for reading in SoftTree.Reading.allCases {
      let all = try tree.probabilities(of: table, by: reading)
      for row in 0..<1100 { #expect(abs(all[(row * 3)..<(row * 3 + 3)].reduce(0, +) - 1) < 1e-12) }
    }
  }

  @Test func explanationsAddUp() throws {
    let tree = try random(depth: 3, seed: 21)
    let table = try table(40)
    let paths = try tree.pathProbabilities(of: table)
    let labels = try tree.labels(of: table, by: .greatestPath)
    for row in 0..<40 {
      let way = try tree.explanation(of: table.row(row))
      #expect(way.steps.count == 3 && way.steps[0].node == 0)
      let own = Array(paths[(row * 8)..<(row * 8 + 8)])
      #expect(way.pathProbability == own.max() && own[way.leaf] == way.pathProbability)
      #expect(abs(way.steps.reduce(1) { $0 * $1.probability } - way.pathProbability) < 1e-12)
      #expect(way.label == labels[row] && way.distribution == tree.distribution(ofLeaf: way.leaf))
      var node = 0
      for step in way.steps {
        #expect(step.node == node)
        let output = step.parts.reduce(step.bias) { $0 + $1.product }
        let right = 1 / (1 + exp(-output))
        #expect(abs(step.probability - (step.goesRight ? right : 1 - right)) < 1e-12)
        for (a, b) in zip(step.parts, step.parts.dropFirst()) { #expect(abs(a.product) >= abs(b.product)) }
        node = 2 * node + (step.goesRight ? 2 : 1)
      }
      #expect(node == tree.innerCount + way.leaf)
    }
    #expect(throws: RuleError.self) { try tree.explanation(of: [1]) }
  }

  @Test func textIsShort() throws {
    let tree = try small()
    #expect(
      tree.text(weightCount: 2) == """
        a soft tree of depth 1; a filter above 0 goes right more often than left
        0: +1.25 length -0.5 colour = red (1 more) -0.1
          left: a 0.75, b 0.25
          right: b 1.00

        """)
    #expect(
      tree.graphviz() == #"""
        digraph tree {
          node [shape=box, fontname="sans-serif"];
          edge [fontname="sans-serif"];
          n0 [label="+1.25 length\n-0.5 colour = red\n+0.125 colour = \"blue\"\n-0.1"];
          n0 -> n1 [label="left"];
          n0 -> n2 [label="right"];
          n1 [style="rounded,filled", fillcolor="#eef3f8", label="a 0.75\nb 0.25"];
          n2 [style="rounded,filled", fillcolor="#eef3f8", label="b 1.00"];
        }

        """#)
  }

  @Test func columnsStandardise() throws {
    let table = try RuleTable(
      features: [
        Feature("x"), Feature("k", kind: .integer), Feature("c", kind: .categorical(levels: ["u", "v"])),
      ],
      rows: [[1, 7, 0], [3, 7, 1], [.nan, 7, 1], [8, 7, .nan]])
    let columns = SoftTree.columns(of: table)
    #expect(
      columns == [
        .init(feature: 0, mean: 4, scale: 13.0.squareRoot()), .init(feature: 1, mean: 7, scale: 1),
        .init(feature: 2, level: 0), .init(feature: 2, level: 1),
      ])
    let inputs = SoftTree.inputs(columns, of: table, rows: 1..<4)
    #expect(inputs.row(0) == [-1 / 13.0.squareRoot(), 0, 0, 1])
    #expect(inputs.row(1) == [0, 0, 0, 1] && inputs.row(2).suffix(2) == [0, 0])
  }

  @Test func treesAreKept() throws {
    let tree = try random(depth: 2, seed: 22)
    let data = try JSONEncoder().encode(tree)
    #expect(try JSONDecoder().decode(SoftTree.self, from: data) == tree)
    let text = try #require(String(data: data, encoding: .utf8))
    #expect(throws: RuleError.self) {
      try JSONDecoder().decode(
        SoftTree.self, from: Data(text.replacingOccurrences(of: "\"depth\":2", with: "\"depth\":3").utf8))
    }
  }

  @Test func partsThatDoNotFitAreRefused() {
    func message(
      depth: Int = 1, beta: Double = 1, columns: [SoftTree.Column]? = nil, weights: [Double] = [1, 2, 3],
      biases: [Double] = [0], scores: [Double] = [0, 0, 0, 0]
    ) -> String {
      do {
        _ = try SoftTree(
          features: Self.features, classes: ["a", "b"], depth: depth, inverseTemperature: beta,
          columns: columns ?? Self.columns, weights: weights, biases: biases, leafScores: scores)
        return ""
      } catch { return "\(error)" }
    }
    #expect(message().isEmpty)
    #expect(
      message(depth: 13) == "a soft tree has a depth of 1 to 12 and a class or more, found 13 and 2")
    #expect(message(weights: [1]) == "found 1 filter weights, expected 3")
    #expect(message(biases: []) == "found 0 biases, expected 1")
    #expect(message(scores: [1]) == "found 1 leaf scores, expected 4")
    #expect(
      message(beta: 0)
        == "a soft tree holds a number that is not finite, or an inverse temperature that is not above 0")
    #expect(message(weights: [.nan, 0, 0]) == message(beta: 0))
    #expect(message(columns: [.init(feature: 2)]) == "column 0: it reads feature 2 of 2")
    #expect(
      message(columns: [.init(feature: 1)])
        == "column 0: 'colour' has 2 levels, one of which it must name")
    #expect(
      message(columns: [.init(feature: 0, level: 1)])
        == "column 0: 'length' is a number and has no level")
    #expect(
      message(columns: [.init(feature: 0, scale: 0)])
        == "column 0: it takes off 0.0 and divides by 0.0; both must be finite, the second above 0")
  }
}
