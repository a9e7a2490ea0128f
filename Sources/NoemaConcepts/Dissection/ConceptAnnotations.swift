/// A concept that units are held against.
public struct DissectedConcept: Sendable, Hashable, Codable {
  /// The concept's name.
  public var name: String
  /// What it is one of, such as objects, parts or colours: where an image is annotated for one of them, it is for all.
  public var category: String

  /// Names a concept.
  public init(_ name: String, category: String = "concept") { (self.name, self.category) = (name, category) }
}

/// What is known of one image: where which concepts are.
public struct ExampleAnnotation: Sendable, Hashable, Codable {
  /// The extents of the masks.
  public var height, width: Int
  /// The pixels of each concept that is there, by the concept's index.
  public var masks: [Int: PositionSet]
  /// The categories that the image was looked at for; nil for all.
  public var categories: Set<String>?

  /// Makes an annotation.
  public init(height: Int, width: Int, masks: [Int: PositionSet], categories: Set<String>? = nil) {
    (self.height, self.width, self.masks, self.categories) = (height, width, masks, categories)
  }

  /// An image of which only is known that it shows some concepts: they are everywhere on it.
  public static func labels(
    _ concepts: [Int], height: Int, width: Int, categories: Set<String>? = nil
  ) -> ExampleAnnotation {
    let whole = PositionSet(runs: [0..<height * width])
    return ExampleAnnotation(
      height: height, width: width, masks: Dictionary(concepts.map { ($0, whole) }) { first, _ in first },
      categories: categories)
  }
}

/// Annotations of a data set, read one by one.
public protocol ConceptAnnotations: Sendable {
  /// The concepts, in the order of their indices.
  var concepts: [DissectedConcept] { get }
  /// The number of images.
  var count: Int { get }
  /// What is known of an image.
  func annotation(of example: Int) throws -> ExampleAnnotation
}

/// Annotations in memory.
public struct MemoryAnnotations: ConceptAnnotations {
  public let concepts: [DissectedConcept]
  /// What is known of each image.
  public let examples: [ExampleAnnotation]

  /// Collects annotations.
  public init(_ concepts: [DissectedConcept], _ examples: [ExampleAnnotation]) {
    (self.concepts, self.examples) = (concepts, examples)
  }

  public var count: Int { examples.count }
  public func annotation(of example: Int) -> ExampleAnnotation { examples[example] }
}
