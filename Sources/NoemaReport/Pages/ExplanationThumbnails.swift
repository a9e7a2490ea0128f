public import NoemaData

/// Small pictures in a row, under a heading: reference inputs, or one input with maps of its parts.
public struct ExplanationThumbnails: Sendable {
  /// One picture.
  public struct Picture: Sendable {
    /// The picture.
    public var image: Image
    /// What it is, in a word or two, and what else is to be said of it; empty for nothing.
    public var name, note: String

    /// Names a picture.
    public init(_ image: Image, name: String, note: String = "") {
      (self.image, self.name, self.note) = (image, name, note)
    }
  }

  /// What the pictures are of; read to those who cannot see them.
  public var title: String
  /// A word beside the title; empty for none.
  public var note: String
  /// The pictures, from left to right.
  public var pictures: [Picture]

  /// Makes a row.
  public init(title: String, note: String = "", pictures: [Picture]) {
    (self.title, self.note, self.pictures) = (title, note, pictures)
  }

  /// The heading and the row; what cannot be encoded is left out.
  var html: HTML {
    let small: [HTML] = note.isEmpty ? [] : [.text(" "), .element("small", text: note)]
    return .group([
      .element("h3", [:], [.text(title)] + small),
      .element("div", ["class": "strip", "role": "group", "aria-label": title], pictures.compactMap(cell)),
    ])
  }

  private func cell(_ picture: Picture) -> HTML? {
    guard let address = try? EmbeddedImage.address(of: picture.image) else { return nil }
    // Few pixels are shown as squares rather than blurred.
    let isSmall = max(picture.image.width, picture.image.height) <= EmbeddedImage.fewPixels
    let note: [HTML] =
      picture.note.isEmpty ? [] : [.element("span", ["title": picture.note], text: picture.note)]
    return .element(
      "div", [:],
      [
        .element(
          "img",
          [
            "src": address, "alt": "\(title), \(picture.name)", "class": isSmall ? "small" : "",
            "loading": "lazy",
          ]), .element("b", ["title": picture.name], text: picture.name),
      ] + note)
  }
}
