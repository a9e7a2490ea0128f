internal import Foundation

/// What a network's inputs are made of and what its outputs mean: the file `net.yaml` beside `net.onnx`.
///
/// ```yaml
/// name: EfficientNet-Lite0        # also: description, source, licence
/// input_size: [224, 224]          # height, width; one number for squares
/// resize: 256                     # none, exact, the shorter side's length, or {centre_square: 0.875}
/// filter: bicubic                 # nearest, box, bilinear, hamming, bicubic, lanczos
/// crop: centre                    # or none
/// crop_rounding: half_to_even     # or down
/// color_order: rgb                # bgr, grey
/// scale: 1/255                    # applied before mean and std
/// mean: [0.485, 0.456, 0.406]     # in the network's channel order; one number for all channels
/// std: [0.229, 0.224, 0.225]
/// layout: nchw                    # or nhwc
/// classes: labels.txt             # a file in the card's folder, a list, or {0: first, 1: second}
/// vocabulary: vocab.txt           # a file in the card's folder: the tokens of an input of whole numbers
/// ```
///
/// Every key may be left out; without `input_size` the card describes no images.
public struct ModelCard: Sendable, Hashable {
  /// The network's name, if given.
  public var name: String?
  /// What the network is, if given: the key `description`.
  public var summary: String?
  /// Where it comes from, if given.
  public var source: String?
  /// The licence of its weights, if given.
  public var licence: String?
  /// How inputs are made from images; nil if they are not images.
  public var preprocessing: Preprocessing?
  /// The names of the outputs in order; empty if not given.
  public var classNames: [String] = []
  /// What the whole numbers of an input stand for; nil if they are no tokens.
  public var vocabulary: Vocabulary?

  /// Makes a card that says nothing.
  public init() {}

  /// Reads a card.
  ///
  /// - Throws: ``DataError`` naming the file and the key.
  public init(path: String) throws(DataError) {
    let bytes = try FileBytes.read(path: path, limit: Self.byteLimit)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw DataError(.malformed("not UTF-8 text; save it as UTF-8"), at: path)
    }
    let folder = (path as NSString).deletingLastPathComponent
    try self.init(yaml: text, name: path, folder: folder.isEmpty ? "." : folder)
  }

  /// Reads a card's text.
  ///
  /// - Parameters:
  ///   - yaml: The text.
  ///   - name: The file's name, for errors.
  ///   - folder: Where files of class names and tokens may be; nil to refuse them.
  /// - Throws: ``DataError`` naming the file and the key.
  public init(yaml: String, name place: String, folder: String? = nil) throws(DataError) {
    let texts = ["name", "description", "source", "licence"]
    let reader = try CardReader(
      yaml: yaml, place: place, keys: texts + Preprocessing.keys + ["classes", "vocabulary"])
    name = try reader.text("name")
    summary = try reader.text("description")
    source = try reader.text("source")
    licence = try reader.text("licence")
    preprocessing = try Preprocessing(reader)
    classNames = try reader.names("classes", folder: folder) ?? []
    if let file = try reader.text("vocabulary") {
      guard let folder else {
        throw reader.error(.parameters("a file of tokens needs a card that is a file"), at: "vocabulary")
      }
      do throws(DataError) {
        vocabulary = try Vocabulary(path: try NameFile.path(of: file, in: folder))
      } catch { throw DataError(error.kind, at: "\(place): vocabulary: \(file)") }
    }
  }

  /// The card beside a model, `net.yaml` for `net.onnx`; nil if there is none.
  ///
  /// - Throws: ``DataError`` if there is one but it cannot be read.
  public static func beside(model path: String) throws(DataError) -> ModelCard? {
    let cardPath = (path as NSString).deletingPathExtension + ".yaml"
    do {
      return try ModelCard(path: cardPath)
    } catch {
      if error == DataError(.missingFile, at: cardPath) { return nil }
      throw error
    }
  }

  /// The most bytes a card or a file of class names may have.
  static let byteLimit = 4 << 20
}

extension Preprocessing {
  /// The keys of a card that describe how inputs are made.
  static let keys = [
    "input_size", "resize", "filter", "crop", "crop_rounding", "color_order", "scale", "mean", "std",
    "layout",
  ]

  /// Reads the keys of a card; nil if it has none of them.
  init?(_ reader: CardReader) throws(DataError) {
    let present = Self.keys.filter(reader.has)
    guard let first = present.first else { return nil }
    guard let size = try reader.integers("input_size") else {
      throw reader.error(.parameters("needs input_size too: add input_size: [height, width]"), at: first)
    }
    guard (1...2).contains(size.count) else {
      throw reader.error(
        .malformed("found \(size.count) numbers, expected [height, width]"), at: "input_size")
    }
    self.init(height: size[0], width: size[size.count - 1])
    if reader.has("resize") { resize = try Self.resizeMode(reader) }
    filter = try reader.choice("filter") ?? filter
    let crops: CropChoice = try reader.choice("crop", synonyms: ["center": "centre"]) ?? .none
    cropsCentre = crops == .centre
    cropRounding = try reader.choice("crop_rounding") ?? cropRounding
    colorOrder = try reader.choice("color_order", synonyms: ["gray": "grey"]) ?? colorOrder
    scale = try reader.number("scale") ?? scale
    mean = try reader.numbers("mean")?.map { Float($0) } ?? mean
    std = try reader.numbers("std")?.map { Float($0) } ?? std
    layout = try reader.choice("layout") ?? layout
    do {
      try validate()
    } catch {
      throw error.within(reader.place)
    }
  }

  private enum CropChoice: String, CaseIterable { case none, centre }
  private enum ResizeChoice: String, CaseIterable { case none, exact }

  /// A word, a length of the shorter side, or one of two single-key mappings.
  private static func resizeMode(_ reader: CardReader) throws(DataError) -> ResizeMode {
    if let inner = try reader.mapping("resize", keys: ["shorter_side", "centre_square"]) {
      if let length = try inner.integer("shorter_side"), !inner.has("centre_square") {
        return .shorterSide(length)
      }
      if let fraction = try inner.number("centre_square"), !inner.has("shorter_side") {
        return .centreSquare(fraction: fraction)
      }
      throw reader.error(.malformed("expected one of shorter_side and centre_square"), at: "resize")
    }
    if let length = try reader.text("resize").flatMap({ Int($0) }) { return .shorterSide(length) }
    let word: ResizeChoice? = try reader.choice("resize")
    return word == .exact ? .exact : .none
  }
}
