/// A piece of HTML that can only be made by escaping: text goes in as text, structure as elements.
public struct HTML: Sendable, Hashable {
  /// The markup.
  public let source: String

  /// Trusts the markup; for what this target writes itself.
  init(trusted source: String) { self.source = source }

  /// Words, escaped.
  public static func text(_ string: String) -> HTML { HTML(trusted: Escape.markup(string)) }

  /// A section of a page: its title, a lead where there is one, and what it holds.
  static func section(_ title: String, _ lead: String, _ content: [HTML]) -> HTML {
    let leading = lead.isEmpty ? [] : [HTML.element("p", ["class": "lead"], text: lead)]
    return .element("section", [:], [.element("h2", text: title)] + leading + content)
  }

  /// An element with attributes, whose values are escaped, and children.
  ///
  /// - Precondition: the names are written in the program, not taken from data.
  public static func element(
    _ name: StaticString, _ attributes: KeyValuePairs<String, String> = [:], _ children: [HTML] = []
  ) -> HTML {
    let list = attributes.map { " \($0.key)=\"\(Escape.markup($0.value))\"" }.joined()
    let isVoid = ["img", "br", "meta", "col", "hr"].contains("\(name)")
    let inner = children.map(\.source).joined()
    return HTML(trusted: isVoid ? "<\(name)\(list)>" : "<\(name)\(list)>\(inner)</\(name)>")
  }

  /// An element that holds words only.
  public static func element(
    _ name: StaticString, _ attributes: KeyValuePairs<String, String> = [:], text: String
  ) -> HTML {
    element(name, attributes, [.text(text)])
  }

  /// Pieces one after the other.
  public static func group(_ parts: [HTML]) -> HTML {
    HTML(trusted: parts.map(\.source).joined(separator: "\n"))
  }

  /// A figure inlined as SVG, with a caption.
  ///
  /// Wide drawings scroll inside their frame, so that they stay legible on a phone.
  public static func figure(_ figure: any Figure, identifier: String, caption: String) -> HTML {
    let drawing = HTML(trusted: figure.svg(.inline, identifier: identifier))
    return element(
      "figure", ["id": identifier],
      [
        element("div", ["class": "drawing", "tabindex": "0"], [drawing]),
        element("figcaption", text: caption),
      ])
  }

  /// A table with a header row; columns that hold numbers are aligned to the right.
  ///
  /// A row of a single cell is a heading over the rows that follow.
  public static func table(
    header: [HTML], numeric: Set<Int> = [], className: String = "", rows: [[HTML]]
  ) -> HTML {
    func cell(_ name: StaticString, _ index: Int, _ content: HTML) -> HTML {
      numeric.contains(index) ? element(name, ["class": "number"], [content]) : element(name, [:], [content])
    }
    let head = element("tr", [:], header.enumerated().map { cell("th", $0.offset, $0.element) })
    let body = rows.map { row in
      row.count == 1 && header.count > 1
        ? element("tr", ["class": "group"], [element("th", ["colspan": "\(header.count)"], row)])
        : element("tr", [:], row.enumerated().map { cell("td", $0.offset, $0.element) })
    }
    return element(
      "div", ["class": "scroll \(className)"],
      [
        element("table", [:], [element("thead", [:], [head]), element("tbody", [:], body)])
      ])
  }
}
