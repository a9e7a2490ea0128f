import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

/// Impurities and costs: sums of up to 2,000 numbers in another order.
private let sumTolerance = 1e-9

@Suite struct GoldenTreeTests {
  @Test func fixturesAreRead() throws {
    let fixture = try TreeFixture.shared.get()
    #expect(fixture.cases.count >= 20)
    #expect(Set(fixture.cases.map(\.table)).count == 6)
  }

  /// The same tree, node by node, where ties fall to the lowest feature and threshold.
  @Test(arguments: TreeFixture.cases.filter { $0.seeds > 1 })
  func treesAreThoseOfScikitLearn(_ item: TreeFixture.Case) throws {
    let examples = try TreeFixture.shared.get().examples(item)
    let tree = try item.learner.fit(examples)
    let expected = try item.tree(examples.table.features)
    try #require(tree.nodes.count == expected.nodes.count)
    for (index, (found, wanted)) in zip(tree.nodes, expected.nodes).enumerated() {
      #expect(found.split == wanted.split, "node \(index)")
      #expect(found.children == wanted.children, "node \(index)")
      if !found.isLeaf { #expect(found.defaultChild == wanted.defaultChild, "node \(index)") }
      expectClose(found.impurity, wanted.impurity, "impurity of node \(index)")
      expectClose(found.weight, wanted.weight, "weight of node \(index)")
      for (a, b) in zip(found.distribution, wanted.distribution) {
        expectClose(a, b, "distribution of node \(index)")
      }
    }
    let predictions = try tree.conclusions(on: examples.table)
    for (row, prediction) in predictions.enumerated() {
      let number = try prediction.value ?? Double(#require(prediction.label))
      expectClose(number, item.predictions[row], "row \(row)")
    }
  }

  /// At every node of a fully grown tree our split gains as much on the node's examples, and divides them the same way
  /// unless another way gains as much.
  @Test(arguments: TreeFixture.cases.filter { $0.seeds == 1 })
  func everySplitOfAFullTreeIsAsGood(_ item: TreeFixture.Case) throws {
    let examples = try TreeFixture.shared.get().examples(item)
    let expected = try item.tree(examples.table.features)
    var rows = [[Int]](repeating: [], count: expected.nodes.count)
    rows[0] = Array(0..<examples.table.rowCount)
    var same = 0
    for (index, node) in expected.nodes.enumerated() {
      #expect(rows[index].count == item.nodes.count[index])
      guard case .term(let term)? = node.split else { continue }
      for row in rows[index] {
        // scikit-learn compares values rounded to float32.
        let value = Double(Float(examples.table[row, term.feature]))
        rows[node.children[term.admits(value) ? 0 : 1]].append(row)
      }
      var stump = item.learner
      stump.maximumDepth = 1
      let ours = try stump.fit(examples.subset(rows: rows[index]))
      try #require(ours.nodes.count == 3, "node \(index)")
      if ours.nodes[0].split == node.split { same += 1 }
      let theirs = node.children.map { expected.nodes[$0] }
      let gain = decrease(node, theirs)
      let found = decrease(ours.nodes[0], Array(ours.nodes[1...2]))
      // scikit-learn's variance is a difference of mean squares.
      #expect(abs(found - gain) <= sumTolerance * max(1, node.impurity), "node \(index)")
      guard case .term(let question)? = ours.nodes[0].split else { continue }
      #expect(question.feature <= term.feature || found > gain, "node \(index)")
    }
    let inner = expected.nodes.count(where: { !$0.isLeaf })
    #expect(same > inner / 3)
    // The full tree knows its examples by heart.
    let tree = try item.learner.fit(examples)
    for (row, prediction) in try tree.conclusions(on: examples.table).enumerated() {
      let number = try prediction.value ?? Double(#require(prediction.label))
      #expect(abs(number - item.predictions[row]) < 1e-9)
    }
  }

  private func decrease(_ node: DecisionTree.Node, _ children: [DecisionTree.Node]) -> Double {
    node.impurity - children.reduce(0) { $0 + $1.weight / node.weight * $1.impurity }
  }

  /// Of scikit-learn's own tree, and of ours.
  @Test(arguments: TreeFixture.cases.filter { $0.path != nil })
  func pruningPathsAreThoseOfScikitLearn(_ item: TreeFixture.Case) throws {
    let examples = try TreeFixture.shared.get().examples(item)
    let path = try #require(item.path)
    var learner = item.learner
    learner.costOfLeaf = 0
    var trees = [try item.tree(examples.table.features)]
    if item.seeds > 1 { trees.append(try learner.fit(examples)) }
    for tree in trees {
      let ours = CostComplexity(of: tree)
      try #require(ours.costs.count == path.alphas.count)
      for step in path.alphas.indices {
        expectClose(ours.costs[step], path.alphas[step], "cost of step \(step)")
        // Within steps of equal cost the order may differ.
        let isLast = step + 1 == path.alphas.count || path.alphas[step + 1] - path.alphas[step] > sumTolerance
        if isLast { expectClose(ours.impurities[step], path.impurities[step], "impurity after step \(step)") }
      }
      #expect(ours.leafCounts.first == tree.leafCount)
      #expect(ours.leafCounts.last == 1)
    }
  }

  private func expectClose(_ a: Double, _ b: Double, _ what: String) {
    #expect(abs(a - b) <= sumTolerance * max(1, abs(b)), "\(what): \(a), expected \(b)")
  }
}
