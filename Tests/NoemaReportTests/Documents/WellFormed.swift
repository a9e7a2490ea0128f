import Foundation
import FoundationXML

/// Reads XML and remembers its elements and words.
final class WellFormed: NSObject, XMLParserDelegate {
  private(set) var elements: [String] = []
  private(set) var words = ""
  private(set) var isWellFormed = false

  init(_ text: String) {
    super.init()
    let parser = XMLParser(data: Data(text.utf8))
    parser.delegate = self
    isWellFormed = parser.parse()
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) { elements.append(name) }

  func parser(_ parser: XMLParser, foundCharacters string: String) { words += string }
}
