/// Where the nodes of a drawn tree stand: in a column by their depth, leaves one below the other.
struct TreeLayout {
  /// The height of a leaf's line, and of a question's in a list.
  static let rowHeight = 26.0, listRowHeight = 40.0
  /// The longest text of an answer.
  static let answerLimit = 110.0

  /// The longest text of a node: a list has room to the right of its rules.
  let textLimit: Double

  /// For each node, those of its children that come behind it.
  let children: [[Int]]
  /// The column of each node, and the middle of its line below the top of the drawing.
  let columns: [Int]
  let ys: [Double]
  let width, height: Double
  /// The left end of each column, and where lines to the next one turn.
  private let lefts, elbows: [Double]
  private let widths: [Double]

  init(_ drawing: TreeDrawing) {
    let nodes = drawing.nodes
    let children = TreeLayout.tree(nodes)
    var columns = [Int](repeating: 0, count: nodes.count)
    for (index, below) in children.enumerated() {
      for (position, child) in below.enumerated() {
        let isBelow = drawing.isList && position == below.count - 1
        columns[child] = columns[index] + (isBelow ? 0 : 1)
      }
    }
    let textLimit = drawing.isList ? 520.0 : 250.0
    let widths = nodes.indices.map {
      TreeLayout.width(of: nodes[$0], isLeaf: children[$0].isEmpty, limit: textLimit)
    }
    let columnCount = (columns.max() ?? 0) + 1
    // Leaves may reach into the columns behind: nothing else stands in their line.
    var columnWidths = [Double](repeating: 40, count: columnCount)
    var answerWidths = [Double](repeating: 0, count: columnCount)
    for (index, node) in nodes.enumerated() {
      if !children[index].isEmpty {
        columnWidths[columns[index]] = max(columnWidths[columns[index]], widths[index])
      }
      let answer = TextMetrics.fitting(node.answer, in: TreeLayout.answerLimit, size: 10)
      answerWidths[columns[index]] = max(
        answerWidths[columns[index]], TextMetrics.width(of: answer, size: 10))
    }
    var lefts: [Double] = [], elbows: [Double] = [], left = 16.0
    for column in 0..<columnCount {
      if column > 0 { left += 26 + answerWidths[column] }
      lefts.append(left)
      left += columnWidths[column]
      elbows.append(left + 10)
    }
    let rowHeight = drawing.isList ? TreeLayout.listRowHeight : TreeLayout.rowHeight
    let (ys, rowCount) = TreeLayout.lines(children, isList: drawing.isList, rowHeight: rowHeight)
    let ends = nodes.indices.map { lefts[columns[$0]] + widths[$0] }
    self.children = children
    self.widths = widths
    self.textLimit = textLimit
    self.columns = columns
    self.ys = ys
    self.lefts = lefts
    self.elbows = elbows
    width = max(320, (ends.max() ?? 0) + 20)
    height = rowHeight * Double(max(1, rowCount))
  }

  func left(of node: Int) -> Double { lefts[columns[node]] }
  func right(of node: Int) -> Double { left(of: node) + widths[node] }
  func elbow(of node: Int) -> Double { elbows[columns[node]] }

  /// The children of each node, those left out that come no later or were met before.
  private static func tree(_ nodes: [TreeDrawing.Node]) -> [[Int]] {
    var isMet = [Bool](repeating: false, count: nodes.count)
    return nodes.enumerated().map { index, node in
      node.children.filter { child in
        guard child > index, child < nodes.count, !isMet[child] else { return false }
        isMet[child] = true
        return true
      }
    }
  }

  private static func width(of node: TreeDrawing.Node, isLeaf: Bool, limit: Double) -> Double {
    let size = TreeDrawing.textSize
    let bar = node.counts.isEmpty ? 0 : TreeDrawing.barWidth + 8
    if isLeaf {
      let text = TextMetrics.fitting(TreeDrawing.leafText(node), in: limit, size: size)
      return bar + TextMetrics.width(of: text, size: size)
    }
    let text = TextMetrics.fitting(node.text, in: limit, size: size)
    let count = TextMetrics.width(of: TreeDrawing.count(node.weight), size: 9.5)
    return max(TextMetrics.width(of: text, size: size), bar + count)
  }

  /// The middle of each node's line: leaves in their order, a question between its children; in a list each question
  /// on the line of its first answer, and what is left below.
  private static func lines(
    _ children: [[Int]], isList: Bool, rowHeight: Double
  ) -> (ys: [Double], count: Int) {
    var ys = [Double](repeating: 0, count: children.count)
    var open = children.isEmpty ? [] : [0]
    var row = 0
    while let index = open.popLast() {
      if children[index].isEmpty {
        ys[index] = rowHeight * (Double(row) + 0.5)
        row += 1
      }
      open += children[index].reversed()
    }
    for index in children.indices.reversed() {
      guard let first = children[index].first, let last = children[index].last else { continue }
      ys[index] = isList ? ys[first] : (ys[first] + ys[last]) / 2
    }
    return (ys, row)
  }
}
