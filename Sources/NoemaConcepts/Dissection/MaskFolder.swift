internal import Foundation
public import NoemaData
internal import NoemaTensor

/// Masks of concepts in a folder of their own: a sub-folder for each concept that holds, for the images that were
/// looked at, an image file of the same name; white is the concept.
///
/// ```
/// masks/striped/0001.png         masks/texture/striped/0001.png
/// masks/grass/0001.png           masks/object/grass/0001.png
/// ```
///
/// With folders of folders the outer ones are categories. An image that has a mask of one concept of a category was
/// looked at for all of them; one without any does not count for that category. Examples of arrays have their masks in
/// `masks/striped.npy`, `[examples, height, width]`, where all were looked at.
public enum MaskFolder {
  /// What was read.
  public struct Content: Sendable {
    /// The masks, at the size of the network's input.
    public let annotations: MemoryAnnotations
    /// Mask files that belong to no example.
    public let strays: [String]
  }

  /// Reads masks of examples.
  ///
  /// Masks have the size of their image, or of the network's input, and take the image's way to the input: the same
  /// resizing and cropping, pixels by their nearest one.
  ///
  /// - Parameters:
  ///   - examples: all examples of the data.
  ///   - indices: those in use.
  ///   - size: height and width of the network's input.
  ///   - preprocessing: how images become inputs; nil for arrays.
  /// - Throws: `DataError` for files that cannot be read and masks of another size, `ConceptError` where there are no
  ///   masks, or none that belongs to an example.
  public static func read(
    _ path: String, of examples: any ExampleSource, indices: [Int], size: (height: Int, width: Int),
    preprocessing: Preprocessing?, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws -> Content {
    let arrays = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted().filter {
      $0.hasSuffix(".npy") && !$0.hasPrefix(".")
    }
    if !arrays.isEmpty {
      return try read(arrays, in: path, total: examples.count, indices: indices, size: size)
    }
    var reader = try MaskReader(path, examples, indices, size, preprocessing)
    for place in indices.indices {
      try reader.read(place)
      progress(place + 1, indices.count)
    }
    return Content(
      annotations: MemoryAnnotations(reader.concepts.map(\.concept), reader.annotations),
      strays: reader.strays)
  }

  private static func read(
    _ files: [String], in folder: String, total: Int, indices: [Int], size: (height: Int, width: Int)
  ) throws -> Content {
    let area = size.height * size.width
    var masks = [[Int: PositionSet]](repeating: [:], count: indices.count)
    for (concept, file) in files.enumerated() {
      let array = try NPYFile.read("\(folder)/\(file)")
      guard array.rank == 3, array.shape[0] >= total, Array(array.shape[1...]) == [size.height, size.width]
      else {
        throw DataError(
          .shape(found: array.shape, expected: [total, size.height, size.width]), at: "\(folder)/\(file)")
      }
      let marks = array.converted(to: .float32)
      if marks.firstNonFinite() != nil {
        throw DataError(.malformed("a mask holds NaN or infinity"), at: "\(folder)/\(file)")
      }
      marks.withElements(as: Float.self) { values in
        for (place, index) in indices.enumerated() {
          let set = PositionSet(mask: values[index * area..<(index + 1) * area].map { $0 > 0 })
          if !set.isEmpty { masks[place][concept] = set }
        }
      }
    }
    return Content(
      annotations: MemoryAnnotations(
        files.map { DissectedConcept(String($0.dropLast(4))) },
        masks.map { ExampleAnnotation(height: size.height, width: size.width, masks: $0) }), strays: [])
  }
}

/// Reads the masks of one example after the other.
private struct MaskReader {
  let concepts: [(concept: DissectedConcept, files: [String: String])]
  let strays: [String]
  private(set) var annotations: [ExampleAnnotation] = []
  private let examples: any ExampleSource
  private let indices: [Int]
  private let size: (height: Int, width: Int)
  private let recipe: Preprocessing?

  init(
    _ path: String, _ examples: any ExampleSource, _ indices: [Int], _ size: (height: Int, width: Int),
    _ preprocessing: Preprocessing?
  ) throws {
    (self.examples, self.indices, self.size) = (examples, indices, size)
    var recipe = preprocessing
    recipe?.filter = .nearest
    recipe?.colorOrder = .grey
    recipe?.mean = []
    recipe?.std = []
    self.recipe = recipe
    concepts = try Self.concepts(path)
    guard !concepts.isEmpty else {
      throw ConceptError(.tooFew(set: "the folder of masks", found: 0, needed: 1), at: path)
    }
    var names: [String: Int] = [:]
    for index in indices {
      let name = Self.stem(examples.name(of: index))
      guard names.updateValue(index, forKey: name) == nil else {
        throw ConceptError(
          .mismatch("two images are called '\(name)', so masks cannot be told apart; rename one"), at: path)
      }
    }
    strays = concepts.flatMap { $0.files.filter { names[$0.key] == nil }.map(\.value) }.sorted()
    guard concepts.contains(where: { $0.files.keys.contains { names[$0] != nil } }) else {
      let name = indices.first.map { examples.name(of: $0) } ?? "an image"
      throw ConceptError(
        .mismatch("no mask is called as an image is; for \(name) it would be CONCEPT/\(Self.stem(name)).png"),
        at: path)
    }
  }

  /// The concepts, each with its files by the names of images.
  private static func concepts(
    _ path: String
  ) throws -> [(concept: DissectedConcept, files: [String: String])] {
    func files(_ folder: String, _ names: [String]) -> [String: String] {
      Dictionary(names.map { (stem($0), "\(folder)/\($0)") }) { first, _ in first }
    }
    var found: [(concept: DissectedConcept, files: [String: String])] = []
    for outer in try ImageFolder.list(path).folders {
      let content = try ImageFolder.list("\(path)/\(outer)")
      guard content.files.isEmpty || content.folders.isEmpty else {
        throw ConceptError(
          .mismatch("masks lie beside folders; a folder is a concept with masks, or a category of concepts"),
          at: "\(path)/\(outer)")
      }
      if !content.files.isEmpty {
        found.append((DissectedConcept(outer), files("\(path)/\(outer)", content.files)))
      }
      for inner in content.folders {
        let folder = "\(path)/\(outer)/\(inner)"
        found.append(
          (DissectedConcept(inner, category: outer), files(folder, try ImageFolder.list(folder).files)))
      }
    }
    return found
  }

  private static func stem(_ name: String) -> String {
    let last = (name as NSString).lastPathComponent
    return ImageFile.isImage(last) ? (last as NSString).deletingPathExtension : last
  }

  mutating func read(_ place: Int) throws {
    let name = Self.stem(examples.name(of: indices[place]))
    var (masks, categories) = ([Int: PositionSet](), Set<String>())
    var image: (height: Int, width: Int)?
    for (index, entry) in concepts.enumerated() {
      guard let file = entry.files[name] else { continue }
      categories.insert(entry.concept.category)
      let mask = try ImageFile.read(path: file).convertedToGrey()
      if image == nil {
        image = try examples.image(at: indices[place]).map { (height: $0.height, width: $0.width) } ?? size
      }
      let set = try positions(mask, image: image ?? size, file)
      if !set.isEmpty { masks[index] = set }
    }
    annotations.append(
      ExampleAnnotation(height: size.height, width: size.width, masks: masks, categories: categories))
  }

  private func positions(_ mask: Image, image: (height: Int, width: Int), _ file: String) throws
    -> PositionSet
  {
    var mask = mask
    if (mask.height, mask.width) == image, let recipe {
      mask = try recipe.prepared(mask)
    }
    guard (mask.height, mask.width) == size else {
      throw DataError(
        .shape(found: [mask.height, mask.width], expected: [image.height, image.width]), at: file)
    }
    return PositionSet(mask: mask.pixels.map { $0 > 127 })
  }
}
