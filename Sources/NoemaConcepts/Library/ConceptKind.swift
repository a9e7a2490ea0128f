/// What sort of thing a concept is.
public enum ConceptKind: String, Sendable, Hashable, CaseIterable, Comparable, Codable {
  /// A pattern that fills the image: striped, dotted.
  case texture
  /// A hue or a shade of grey.
  case colour
  /// A simple figure on a background.
  case shape
  /// A whole thing: a wheel, a face.
  case object
  /// A part of a thing.
  case part
  /// A place or a setting.
  case scene
  /// A mixed pool of images that stand for no concept: the negatives.
  case random
  /// Anything else, such as words or rows of a table.
  case other

  /// The folder of a library that holds concepts of this kind: `textures`, `colours`, `shapes`.
  public var folderName: String { self == .random || self == .other ? rawValue : rawValue + "s" }

  /// The order of declaration, which listings use.
  public static func < (a: Self, b: Self) -> Bool {
    allCases.firstIndex(of: a)! < allCases.firstIndex(of: b)!
  }
}
