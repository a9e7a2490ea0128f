@testable import NoemaReport
import Testing

/// A complete tree of so many leaves, all with one text.
private func drawing(leaves: Int, text: String = "petal length <= 2.45 cm?") -> TreeDrawing {
  // Children of node i are 2i + 1 and 2i + 2.
  let nodes = (0..<(2 * leaves - 1)).map { index in
    let isLeaf = index >= leaves - 1
    return TreeDrawing.Node(
      text: isLeaf ? "class \(index % 3)" : text, answer: index == 0 ? "" : index % 2 == 1 ? "yes" : "no",
      counts: [Double(index % 4), 1, 2], weight: Double(index % 4 + 3),
      conclusion: isLeaf ? index % 3 : nil, children: isLeaf ? [] : [2 * index + 1, 2 * index + 2])
  }
  return TreeDrawing(title: "Tree", classes: ["class 0", "class 1", "class 2"], nodes: nodes)
}

@Test(arguments: [1, 2, 7, 50])
func leavesStandBelowEachOther(leaves: Int) {
  let drawing = drawing(leaves: leaves)
  let layout = TreeLayout(drawing)
  let isLeaf = drawing.nodes.indices.filter { layout.children[$0].isEmpty }
  let ys = isLeaf.map { layout.ys[$0] }.sorted()
  #expect(ys.count == leaves && ys.last! < layout.height)
  for (a, b) in zip(ys, ys.dropFirst()) { #expect(b - a >= TreeLayout.rowHeight - 1e-9) }
  for (index, below) in layout.children.enumerated() {
    for child in below {
      #expect(layout.columns[child] == layout.columns[index] + 1)
      // Nothing that a question says reaches into what it leads to.
      #expect(layout.right(of: index) < layout.left(of: child))
    }
    guard let first = below.first, let last = below.last else { continue }
    #expect(layout.ys[first] < layout.ys[index] && layout.ys[index] < layout.ys[last])
  }
  #expect(drawing.nodes.indices.allSatisfy { layout.right(of: $0) <= layout.width })
  #expect(WellFormed(drawing.svg(.standalone, identifier: "tree")).isWellFormed)
}

@Test func fiftyLeavesFillAPage() {
  let layout = TreeLayout(drawing(leaves: 50))
  // Letters of 11.5 on 25 cm of height are 2 mm high, and the drawing is not wider than two pages.
  #expect(layout.height <= 1400 && layout.width <= 2000)
}

@Test func nodesOfOneColumnDoNotOverlap() {
  for leaves in [5, 23, 50] {
    let drawing = drawing(leaves: leaves)
    let layout = TreeLayout(drawing)
    for (index, _) in drawing.nodes.enumerated() {
      for other in drawing.nodes.indices where other > index && layout.columns[other] == layout.columns[index]
      {
        #expect(abs(layout.ys[other] - layout.ys[index]) >= TreeLayout.rowHeight - 1e-9)
      }
    }
  }
}

@Test func listsLeadStraightDown() {
  let nodes = [
    TreeDrawing.Node(text: "a > 1", counts: [3, 4], weight: 7, children: [1, 2]),
    TreeDrawing.Node(text: "yes", answer: "then", counts: [0, 2], weight: 2, conclusion: 1),
    TreeDrawing.Node(text: "b <= 2", answer: "else", counts: [3, 2], weight: 5, children: [3, 4]),
    TreeDrawing.Node(text: "no", answer: "then", counts: [3, 0], weight: 3, conclusion: 0),
    TreeDrawing.Node(text: "yes", answer: "else", counts: [0, 2], weight: 2, conclusion: 1),
  ]
  let drawing = TreeDrawing(title: "List", classes: ["no", "yes"], nodes: nodes, isList: true)
  let layout = TreeLayout(drawing)
  #expect(layout.columns == [0, 1, 0, 1, 0])
  #expect(layout.ys[0] == layout.ys[1] && layout.ys[2] == layout.ys[3] && layout.ys[4] > layout.ys[3])
  #expect(WellFormed(drawing.svg(.inline, identifier: "list")).isWellFormed)
}

@Test func leavesSayTheirShare() {
  let node = TreeDrawing.Node(text: "yes", counts: [1, 3], weight: 4, conclusion: 1)
  #expect(TreeDrawing.leafText(node) == "yes  75 % of 4")
  #expect(TreeDrawing.leafText(TreeDrawing.Node(text: "1.5", weight: 2.5)) == "1.5  2.50")
  #expect(
    TreeDrawing.leafText(TreeDrawing.Node(text: "yes", counts: [0, 0], weight: 0, conclusion: 1)) == "yes  0")
}

/// Numbers that cannot be drawn, and children that are none, are left out.
@Test func brokenTreesDoNotFail() {
  let hostile = "<script>alert(\"1\")</script>&\u{1}' onload='x"
  let nodes = [
    TreeDrawing.Node(text: hostile, counts: [.nan, -1], weight: .infinity, children: [0, 1, 1, 9, -2, 2]),
    TreeDrawing.Node(text: hostile, answer: hostile, counts: [1], weight: -3, conclusion: 7, children: [0]),
    TreeDrawing.Node(text: "", weight: 0, conclusion: -1),
  ]
  for isList in [false, true] {
    let drawing = TreeDrawing(
      title: hostile, description: hostile, classes: [hostile], nodes: nodes, isList: isList)
    #expect(TreeLayout(drawing).children[0] == [1, 2])
    for mode in [FigureMode.standalone, .inline] {
      let svg = drawing.svg(mode, identifier: hostile)
      #expect(WellFormed(svg).isWellFormed && !svg.contains("nan") && !svg.contains(" onload='"))
    }
  }
  #expect(
    WellFormed(TreeDrawing(title: "", classes: [], nodes: []).svg(.standalone, identifier: "")).isWellFormed)
}

@Test func thresholdsLieOnTheirRange() {
  let chart = ThresholdChart(
    title: "t",
    rows: [
      .init(name: "a", range: 0...10, thresholds: [5, 5, 2.5, .nan, 20]),
      .init(name: "constant", range: 3...3, thresholds: []),
    ])
  let svg = chart.svg(.standalone, identifier: "f")
  #expect(WellFormed(svg).isWellFormed && !svg.contains("nan"))
  #expect(svg.contains("a, 5.00: 2 times") && svg.contains("a, 2.50: once"))
  #expect(WellFormed(ThresholdChart(title: "", rows: []).svg(.inline, identifier: "")).isWellFormed)
}
