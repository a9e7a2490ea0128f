/// A tree of questions from left to right: what is asked, which classes come there, and what the leaves conclude.
///
/// Every node has a bar of the shares of the classes; a line is as wide as the share of all examples that takes it.
/// Leaves stand at even distances, one a line, so that fifty of them fill a page that can still be read.
public struct TreeDrawing: Figure {
  /// A question or a leaf.
  public struct Node: Sendable, Hashable {
    /// What is asked, or what is concluded.
    public var text: String
    /// The answer that leads here; empty at the root.
    public var answer: String
    /// The examples of each class that come here; empty where there are no classes.
    public var counts: [Double]
    /// The examples that come here.
    public var weight: Double
    /// The class that a leaf concludes; nil of questions and of numbers.
    public var conclusion: Int?
    /// The indices of the nodes behind the answers, each greater than the node's own; empty at a leaf.
    public var children: [Int]

    /// Makes a node.
    public init(
      text: String, answer: String = "", counts: [Double] = [], weight: Double, conclusion: Int? = nil,
      children: [Int] = []
    ) {
      self.text = text
      self.answer = answer
      self.counts = counts
      self.weight = weight
      self.conclusion = conclusion
      self.children = children
    }
  }

  public var title: String
  public var description: String
  /// The names of the classes.
  public var classes: [String]
  /// The nodes, the root first; indices among children that are out of place are left out.
  public var nodes: [Node]
  /// Whether the last answer leads straight down, as in a list of rules.
  public var isList: Bool

  /// Makes a drawing.
  public init(
    title: String, description: String = "", classes: [String], nodes: [Node], isList: Bool = false
  ) {
    self.title = title
    self.description = description
    self.classes = classes
    self.nodes = nodes
    self.isList = isList
  }

  static let textSize = 11.5, barWidth = 66.0

  public func svg(_ mode: FigureMode, identifier: String) -> String {
    var writer = SVGWriter(mode: mode, identifier: identifier)
    let layout = TreeLayout(self)
    var top = drawTitle(in: &writer, width: layout.width)
    top += legend.draw(in: &writer, x: 16, y: top, width: layout.width - 32) + 10
    for index in nodes.indices {
      for child in layout.children[index] { drawLine(from: index, to: child, layout, top, &writer) }
    }
    for index in nodes.indices { draw(index, layout, top, &writer) }
    return writer.finish(
      width: layout.width, height: top + layout.height + 12, title: title, description: description)
  }

  private var legend: Legend {
    var legend = Legend()
    legend.entries = classes.enumerated().map { (.fill(.series($0.offset)), $0.element) }
    return legend
  }

  /// What stands at a leaf.
  static func leafText(_ node: Node) -> String {
    guard let conclusion = node.conclusion, node.counts.indices.contains(conclusion), node.weight > 0 else {
      return "\(node.text)  \(count(node.weight))"
    }
    let share = 100 * node.counts[conclusion] / node.weight
    return "\(node.text)  \(NumberText.fixed(share, 0)) % of \(count(node.weight))"
  }

  /// A number of examples, whole where it is.
  static func count(_ weight: Double) -> String {
    weight == weight.rounded() ? NumberText.fixed(weight, 0) : NumberText.compact(weight)
  }

  // MARK: Parts

  private func drawLine(
    from parent: Int, to child: Int, _ layout: TreeLayout, _ top: Double, _ writer: inout SVGWriter
  ) {
    let share = nodes[0].weight > 0 ? nodes[child].weight / nodes[0].weight : 0
    let width = 1 + 6 * min(max(share, 0), 1)
    let (y, end) = (top + layout.ys[parent], top + layout.ys[child])
    let target = layout.left(of: child)
    let label = TextMetrics.fitting(nodes[child].answer, in: TreeLayout.answerLimit, size: 10)
    guard layout.columns[child] > layout.columns[parent] else {
      // Straight down, beside the words.
      let x = target + 5
      writer.polyline([(x, y + 14), (x, end - 16)], stroke: .faint, width: width)
      writer.text(
        label, x: x + 8, y: (y + end) / 2 + 3, size: 10, paint: .muted, hasHalo: true,
        tooltip: nodes[child].answer)
      return
    }
    let start = layout.right(of: parent) + 4, elbow = layout.elbow(of: parent)
    writer.polyline(
      [(start, y), (max(start, elbow), y), (max(start, elbow), end), (target - 5, end)], stroke: .faint,
      width: width)
    writer.text(
      label, x: target - 7, y: end - 5, size: 10, anchor: .end, paint: .muted, hasHalo: true,
      tooltip: nodes[child].answer)
  }

  private func draw(_ index: Int, _ layout: TreeLayout, _ top: Double, _ writer: inout SVGWriter) {
    let (node, x, y) = (nodes[index], layout.left(of: index), top + layout.ys[index])
    if layout.children[index].isEmpty {
      drawBar(node, x: x, y: y - 6, height: 12, &writer)
      let text = TextMetrics.fitting(Self.leafText(node), in: layout.textLimit, size: Self.textSize)
      let start = node.counts.isEmpty ? x : x + Self.barWidth + 8
      writer.text(
        text, x: start, y: y + 4, size: Self.textSize, hasHalo: true, tooltip: Self.leafText(node))
      return
    }
    let text = TextMetrics.fitting(node.text, in: layout.textLimit, size: Self.textSize)
    writer.text(text, x: x, y: y - 3, size: Self.textSize, hasHalo: true, tooltip: node.text)
    drawBar(node, x: x, y: y + 2, height: 7, &writer)
    let start = node.counts.isEmpty ? x : x + Self.barWidth + 6
    writer.text(Self.count(node.weight), x: start, y: y + 10, size: 9.5, paint: .muted, hasHalo: true)
  }

  private func drawBar(
    _ node: Node, x: Double, y: Double, height: Double, _ writer: inout SVGWriter
  ) {
    guard !node.counts.isEmpty else { return }
    let total = node.counts.filter { $0.isFinite && $0 > 0 }.reduce(0, +)
    writer.rectangle(
      x: x, y: y, width: Self.barWidth, height: height, fill: .grid, stroke: .muted, strokeWidth: 0.8)
    guard total > 0 else { return }
    var left = x
    for (label, count) in node.counts.enumerated() where count.isFinite && count > 0 {
      let width = Self.barWidth * count / total
      let name = classes.indices.contains(label) ? classes[label] : "\(label)"
      writer.rectangle(
        x: left, y: y, width: width, height: height, fill: .series(label),
        tooltip: "\(name): \(Self.count(count)) of \(Self.count(total))")
      left += width
    }
  }
}
