internal import Foundation

extension SoftTree {
  /// The tree in plain words: for each filter its largest weights, for each leaf its distribution.
  ///
  ///     a soft tree of depth 1; a filter above 0 goes right more often than left
  ///     0: +1.2 petal length -0.8 colour = red (3 more) -0.1
  ///       left: a 0.97, b 0.03
  ///       right: b 0.91, a 0.09
  ///
  /// Weights are of standardised columns, so that they compare; a category's column is 0 or 1.
  ///
  /// - Parameter weightCount: how many weights of a filter are shown.
  public func text(weightCount: Int = 4) -> String {
    var lines = ["a soft tree of depth \(depth); a filter above 0 goes right more often than left"]
    var open: [(node: Int, depth: Int, edge: String)] = [(0, 0, "")]
    while let (node, depth, edge) = open.popLast() {
      let margin = String(repeating: "  ", count: depth) + edge
      guard node < innerCount else {
        lines.append(margin + shares(ofLeaf: node - innerCount).joined(separator: ", "))
        continue
      }
      lines.append("\(margin)\(node): \(question(node, weightCount).joined(separator: " "))")
      open.append((2 * node + 2, depth + 1, "right: "))
      open.append((2 * node + 1, depth + 1, "left: "))
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The tree as a drawing for Graphviz: filters by their largest weights, leaves by their distributions.
  ///
  /// - Parameter weightCount: how many weights of a filter are shown.
  public func graphviz(weightCount: Int = 4) -> String {
    var lines = [
      "digraph tree {", "  node [shape=box, fontname=\"sans-serif\"];", "  edge [fontname=\"sans-serif\"];",
    ]
    for node in 0..<innerCount {
      lines.append("  n\(node) [label=\(SoftTree.quoted(question(node, weightCount)))];")
      lines.append("  n\(node) -> n\(2 * node + 1) [label=\"left\"];")
      lines.append("  n\(node) -> n\(2 * node + 2) [label=\"right\"];")
    }
    for leaf in 0..<leafCount {
      let label = SoftTree.quoted(shares(ofLeaf: leaf))
      lines.append(
        "  n\(innerCount + leaf) [style=\"rounded,filled\", fillcolor=\"#eef3f8\", label=\(label)];")
    }
    return (lines + ["}"]).joined(separator: "\n") + "\n"
  }

  /// The largest weights of a filter, how many others it has, and its bias.
  private func question(_ node: Int, _ count: Int) -> [String] {
    let filter = Array(filter(of: node))
    let order = filter.indices.sorted { (abs(filter[$1]), $0) < (abs(filter[$0]), $1) }
    let shown = order.prefix(max(0, count)).map { column in
      "\(SoftTree.signed(filter[column])) \(columns[column].text(in: features))"
    }
    let more = filter.count > shown.count ? ["(\(filter.count - shown.count) more)"] : []
    return shown + more + [SoftTree.signed(biases[node])]
  }

  /// The classes of a leaf with their shares, the greatest first, without those that round to 0.
  private func shares(ofLeaf leaf: Int) -> [String] {
    let distribution = distribution(ofLeaf: leaf)
    return distribution.indices.sorted { (distribution[$1], $0) < (distribution[$0], $1) }
      .filter { distribution[$0] >= 0.005 }
      .map { "\(RuleText.plain(classes[$0])) \(String(format: "%.2f", distribution[$0]))" }
  }

  private static func signed(_ number: Double) -> String { String(format: "%+.3g", number) }

  /// A quoted label of lines, quotes and backslashes escaped.
  private static func quoted(_ lines: [String]) -> String {
    let escaped = lines.map { line in
      line.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
    }
    return "\"\(escaped.joined(separator: "\\n"))\""
  }
}
