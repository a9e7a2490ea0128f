internal import NoemaData

/// The pictures on the page of a concept study: examples of concepts, and inputs by their derivative.
struct TCAVImages {
  let report: TCAVReport

  /// A strip of examples for each concept.
  func strips() throws -> [HTML] {
    try report.strips.filter { !$0.images.isEmpty }.flatMap { strip -> [HTML] in
      let images = try strip.images.enumerated().map { index, image in
        HTML.element("div", [:], [try picture(image, description: "\(strip.concept), example \(index + 1)")])
      }
      return [.element("h3", text: strip.concept), .element("div", ["class": "strip"], images)]
    }
  }

  /// The inputs that react most and least to a concept, side by side.
  func extremes() throws -> [HTML] {
    try report.extremes.flatMap { item -> [HTML] in
      let layer = report.orderedLayers.count > 1 ? " at \(item.layer)" : ""
      let halves = [try half("most sensitive", item.most), try half("least sensitive", item.least)]
      return [
        .element("h3", text: "\(item.concept) → \(item.target)\(layer)"),
        .element("div", ["class": "pair"], halves),
      ]
    }
  }

  private func half(_ title: String, _ examples: [TCAVReport.Example]) throws -> HTML {
    let cells = try examples.map { example -> HTML in
      let parts: [HTML] = [
        try picture(example.image, description: example.caption),
        .element("b", text: NumberText.compact(example.derivative)),
        .element("span", ["title": example.caption], text: example.caption),
      ]
      return .element("div", [:], parts)
    }
    return .element("div", [:], [.element("h4", text: title), .element("div", ["class": "strip"], cells)])
  }

  private func picture(_ image: Image, description: String) throws -> HTML {
    // Few pixels are shown as squares rather than blurred.
    let name = max(image.width, image.height) <= EmbeddedImage.fewPixels ? "small" : ""
    let address = try EmbeddedImage.address(of: image)
    return .element("img", ["src": address, "alt": description, "class": name, "loading": "lazy"])
  }
}
