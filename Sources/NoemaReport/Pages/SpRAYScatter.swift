/// Examples in the plane, clusters by colour and shape: the still picture of what the page shows.
struct SpRAYScatter: Figure {
  var title: String
  var description: String {
    "Each mark is an example; examples whose relevance maps resemble each other lie near each other. Colours "
      + "and shapes are the strategies."
      + (points.count < totalCount ? " \(points.count) of \(totalCount) are drawn." : "")
  }
  /// Places, with the number of the cluster, −1 for none.
  private let points: [(x: Double, y: Double, cluster: Int)]
  private let totalCount: Int
  private let names: [String]
  /// More marks would make a large file and show nothing more.
  private static let limit = 2000

  /// - Parameter names: what clusters are called.
  init(title: String, places: [Double], clusters: [Int], names: [String]) {
    self.title = title
    self.names = names
    totalCount = clusters.count
    points = EvenChoice.of(Self.limit, from: clusters.count).map { index in
      (x: places[2 * index], y: places[2 * index + 1], cluster: clusters[index])
    }
  }

  func svg(_ mode: FigureMode, identifier: String) -> String {
    var writer = SVGWriter(mode: mode, identifier: identifier)
    let width = 540.0, side = 460.0, left = (width - side) / 2
    var top = drawTitle(in: &writer, width: width)
    top += legend.draw(in: &writer, x: 20, y: top, width: width - 40) + 4
    let xs = points.map(\.x), ys = points.map(\.y)
    let (x0, x1, y0, y1) = (xs.min() ?? 0, xs.max() ?? 0, ys.min() ?? 0, ys.max() ?? 0)
    // One unit is as long in both directions, since distances mean something.
    let extent = max(x1 - x0, y1 - y0, 1e-9) / 2
    let horizontal = Scale(
      ((x0 + x1) / 2 - extent)...((x0 + x1) / 2 + extent), from: left + 10, to: left + side - 10)
    let vertical = Scale(
      ((y0 + y1) / 2 - extent)...((y0 + y1) / 2 + extent), from: top + side - 10, to: top + 10)
    writer.rectangle(x: left, y: top, width: side, height: side, fill: .none, stroke: .grid, radius: 4)
    let radius = points.count > 1000 ? 2.2 : points.count > 300 ? 3 : 4
    for point in points {
      let isNoise = point.cluster < 0
      writer.marker(
        max(point.cluster, 0), x: horizontal(point.x), y: vertical(point.y),
        radius: isNoise ? radius * 0.6 : radius,
        paint: isNoise ? .muted : .series(point.cluster), isHollow: isNoise)
    }
    return writer.finish(width: width, height: top + side + 14, title: title, description: description)
  }

  private var legend: Legend {
    var legend = Legend()
    legend.entries = names.enumerated().map {
      (.marker(shape: $0.offset, .series($0.offset), isHollow: false), $0.element)
    }
    if points.contains(where: { $0.cluster < 0 }) {
      legend.entries.append((.marker(shape: 0, .muted, isHollow: true), "none"))
    }
    return legend
  }
}

/// A choice of rows that leaves out evenly.
enum EvenChoice {
  /// At most `limit` of the numbers below `count`, ascending.
  static func of(_ limit: Int, from count: Int) -> [Int] {
    count <= limit ? Array(0..<count) : (0..<limit).map { $0 * count / limit }
  }
}
