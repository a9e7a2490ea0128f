internal import NoemaData

/// Collects the elements of one SVG drawing; every text that goes in is escaped.
struct SVGWriter {
  enum Anchor: String { case start, middle, end }

  /// Which colours to write.
  let mode: FigureMode
  /// Prefix of element identifiers, unique within a page.
  let identifier: String
  private var body = ""
  private var definitions = ""
  private var hatches: Set<Paint> = []

  init(mode: FigureMode, identifier: String) {
    self.mode = mode
    self.identifier = Escape.fileName(identifier)
  }

  // MARK: Shapes

  mutating func rectangle(
    x: Double, y: Double, width: Double, height: Double, fill: Paint, opacity: Double = 1,
    stroke: Paint = .none, strokeWidth: Double = 1, radius: Double = 0, tooltip: String = ""
  ) {
    let corner = radius > 0 ? " rx=\"\(number(radius))\"" : ""
    element(
      "rect", "\(box(x, y, width, height))\(corner)",
      style(fill: fill, opacity: opacity, stroke: stroke, width: strokeWidth), tooltip)
  }

  /// A rectangle filled with diagonal lines of the colour, outlined.
  mutating func hatchedRectangle(
    x: Double, y: Double, width: Double, height: Double, paint: Paint, tooltip: String = ""
  ) {
    let name = "\(identifier)-hatch-\(paintName(paint))"
    if hatches.insert(paint).inserted {
      definitions +=
        "<pattern id=\"\(name)\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" "
        + "patternTransform=\"rotate(45)\"><line x1=\"1\" y1=\"0\" x2=\"1\" y2=\"5\" "
        + "\(style(stroke: paint, width: 1.4))/></pattern>"
    }
    element("rect", box(x, y, width, height), style(fill: .background), "")
    let stroke = style(fill: nil, stroke: paint, width: 1)
    element("rect", "\(box(x, y, width, height)) fill=\"url(#\(name))\"", stroke, tooltip)
  }

  /// A rectangle whose colour runs from its lower to its upper end through the stops, evenly spaced.
  mutating func gradientRectangle(
    x: Double, y: Double, width: Double, height: Double, stops: [(paint: Paint, opacity: Double)],
    name suffix: String
  ) {
    let name = "\(identifier)-\(suffix)"
    let list = stops.enumerated().map { index, stop in
      let offset = number(Double(index) / Double(max(stops.count - 1, 1)))
      let color = stop.paint.value(in: mode), opacity = number(stop.opacity)
      let look =
        mode == .inline
        ? "style=\"stop-color:\(color);stop-opacity:\(opacity)\""
        : "stop-color=\"\(color)\" stop-opacity=\"\(opacity)\""
      return "<stop offset=\"\(offset)\" \(look)/>"
    }
    definitions +=
      "<linearGradient id=\"\(name)\" x1=\"0\" y1=\"1\" x2=\"0\" y2=\"0\">\(list.joined())</linearGradient>"
    element("rect", "\(box(x, y, width, height)) fill=\"url(#\(name))\"", "", "")
  }

  mutating func line(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, stroke: Paint, width: Double = 1,
    dash: String = ""
  ) {
    let dashes = dash.isEmpty ? "" : " stroke-dasharray=\"\(dash)\""
    element(
      "line", "x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" y2=\"\(number(y2))\"\(dashes)",
      style(stroke: stroke, width: width), "")
  }

  /// Vertical lines of one length as a single element, because there are many.
  mutating func ticks(_ xs: [Double], from y1: Double, to y2: Double, stroke: Paint, width: Double = 1) {
    guard !xs.isEmpty else { return }
    let path = xs.map { "M\(number($0)) \(number(y1))V\(number(y2))" }.joined()
    element("path", "d=\"\(path)\"", style(stroke: stroke, width: width), "")
  }

  mutating func polyline(_ points: [(x: Double, y: Double)], stroke: Paint, width: Double = 1.6) {
    guard points.count > 1 else { return }
    let list = points.map { "\(number($0.x)),\(number($0.y))" }.joined(separator: " ")
    element(
      "polyline", "points=\"\(list)\" stroke-linejoin=\"round\"",
      style(fill: Paint.none, stroke: stroke, width: width), "")
  }

  /// The area between two lines over the same places.
  mutating func band(
    _ xs: [Double], from lower: [Double], to upper: [Double], fill: Paint, opacity: Double = 1
  ) {
    guard xs.count > 1, lower.count == xs.count, upper.count == xs.count else { return }
    let outline = zip(xs, lower).map { ($0, $1) } + zip(xs, upper).reversed().map { ($0, $1) }
    polygon(outline, style(fill: fill, opacity: opacity), "")
  }

  /// A marker of one of four shapes, so that series differ without their colours.
  mutating func marker(
    _ shape: Int, x: Double, y: Double, radius r: Double = 4.2, paint: Paint, isHollow: Bool = false,
    tooltip: String = ""
  ) {
    let style = style(fill: isHollow ? .background : paint, stroke: paint, width: 1.5)
    switch shape % 4 {
    case 0: element("circle", "cx=\"\(number(x))\" cy=\"\(number(y))\" r=\"\(number(r))\"", style, tooltip)
    case 1: element("rect", box(x - r * 0.88, y - r * 0.88, r * 1.76, r * 1.76), style, tooltip)
    case 2:
      polygon([(x, y - r * 1.2), (x + r * 1.15, y + r * 0.8), (x - r * 1.15, y + r * 0.8)], style, tooltip)
    default:
      polygon([(x, y - r * 1.25), (x + r * 1.25, y), (x, y + r * 1.25), (x - r * 1.25, y)], style, tooltip)
    }
  }

  mutating func text(
    _ string: String, x: Double, y: Double, size: Double = 12, anchor: Anchor = .start, paint: Paint = .ink,
    isBold: Bool = false, rotation: Double = 0, hasHalo: Bool = false, tooltip: String = ""
  ) {
    var attributes = "x=\"\(number(x))\" y=\"\(number(y))\" font-size=\"\(number(size))\""
    if anchor != .start { attributes += " text-anchor=\"\(anchor.rawValue)\"" }
    if isBold { attributes += " font-weight=\"600\"" }
    if rotation != 0 { attributes += " transform=\"rotate(\(number(rotation)) \(number(x)) \(number(y)))\"" }
    // A halo keeps words legible where lines pass behind them.
    if hasHalo { attributes += " paint-order=\"stroke\" stroke-linejoin=\"round\"" }
    let style = hasHalo ? style(fill: paint, stroke: .background, width: 3) : style(fill: paint)
    let title = tooltip.isEmpty ? "" : "<title>\(Escape.markup(tooltip))</title>"
    body += "<text \(attributes) \(style)>\(title)\(Escape.markup(string))</text>\n"
  }

  /// An image, as high and wide as fits into a square; nothing where it cannot be encoded.
  ///
  /// - Parameter edge: the longest edge that it keeps, in pixels.
  mutating func image(
    _ image: Image, x: Double, y: Double, side: Double, description: String,
    longestEdge edge: Int = EmbeddedImage.longestEdge
  ) {
    guard let address = try? EmbeddedImage.address(of: image, longestEdge: edge) else { return }
    let few = max(image.width, image.height) <= EmbeddedImage.fewPixels
    let look = few ? " style=\"image-rendering:pixelated\"" : ""
    let title = "<title>\(Escape.markup(description))</title>"
    body += "<image \(box(x, y, side, side)) href=\"\(address)\"\(look)>\(title)</image>\n"
  }

  /// A rectangle of one colour that means the same in light and dark pages.
  mutating func swatch(_ color: [Float], x: Double, y: Double, width: Double, height: Double) {
    let hex = color.map { byte in
      let digits = String(Int(byte.rounded()), radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }
    body += "<rect \(box(x, y, width, height)) fill=\"#\(hex.joined())\"/>\n"
  }

  // MARK: Whole drawing

  /// The drawing as an `svg` element, with title and description for those who cannot see it.
  func finish(width: Double, height: Double, title: String, description: String) -> String {
    let isFile = mode == .standalone
    let head = isFile ? "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" : ""
    let space = isFile ? " xmlns=\"http://www.w3.org/2000/svg\"" : ""
    let name = "\(identifier)-title"
    // In a page a drawing shrinks to two thirds at most, then it scrolls.
    let look =
      isFile ? "" : " style=\"min-width:\(number(width * 0.64))px;max-width:\(number(max(640, width)))px\""
    let ground = isFile ? "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n" : ""
    let defs = definitions.isEmpty ? "" : "<defs>\(definitions)</defs>\n"
    return """
      \(head)<svg\(space) viewBox="0 0 \(number(width)) \(number(height))" width="\(number(width))" \
      height="\(number(height))" role="img" aria-labelledby="\(name)"\(look) \
      font-family="\(TextMetrics.fontStack)">
      <title id="\(name)">\(Escape.markup(title))</title>
      <desc>\(Escape.markup(description))</desc>
      \(defs)\(ground)\(body)</svg>

      """
  }

  // MARK: Attributes

  private mutating func element(_ name: String, _ attributes: String, _ style: String, _ tooltip: String) {
    body +=
      tooltip.isEmpty
      ? "<\(name) \(attributes) \(style)/>\n"
      : "<\(name) \(attributes) \(style)><title>\(Escape.markup(tooltip))</title></\(name)>\n"
  }

  private mutating func polygon(_ points: [(Double, Double)], _ style: String, _ tooltip: String) {
    let list = points.map { "\(number($0.0)),\(number($0.1))" }.joined(separator: " ")
    element("polygon", "points=\"\(list)\" stroke-linejoin=\"round\"", style, tooltip)
  }

  /// Literal attributes in a file, because few programs besides browsers read CSS; a style in a page.
  private func style(fill: Paint?, opacity: Double = 1, stroke: Paint = .none, width: Double = 1) -> String {
    var pairs: [(String, String)] = []
    if let fill { pairs.append(("fill", fill.value(in: mode))) }
    if opacity < 1 { pairs.append(("fill-opacity", number(max(opacity, 0)))) }
    if stroke != .none {
      pairs.append(("stroke", stroke.value(in: mode)))
      pairs.append(("stroke-width", number(width)))
    }
    return mode == .inline
      ? "style=\"\(pairs.map { "\($0):\($1)" }.joined(separator: ";"))\""
      : pairs.map { "\($0)=\"\($1)\"" }.joined(separator: " ")
  }

  private func style(fill: Paint) -> String { style(fill: fill, opacity: 1) }
  private func style(stroke: Paint, width: Double) -> String {
    style(fill: nil, stroke: stroke, width: width)
  }

  private func box(_ x: Double, _ y: Double, _ width: Double, _ height: Double) -> String {
    "x=\"\(number(x))\" y=\"\(number(y))\" "
      + "width=\"\(number(max(width, 0)))\" height=\"\(number(max(height, 0)))\""
  }

  private func paintName(_ paint: Paint) -> String {
    if case .series(let index) = paint { return "series\(index % Paint.palette.count)" }
    return "\(paint)"
  }

  private func number(_ value: Double) -> String { NumberText.coordinate(value) }
}
