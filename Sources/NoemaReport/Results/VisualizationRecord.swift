/// What `result.json` says of pictures that were made for units (`noema.visualize/1`).
public struct VisualizationRecord: Sendable, Encodable {
  /// One picture.
  public struct Picture: Sendable, Encodable {
    /// The file of the picture; nil for arrays.
    public var file: String?
    /// The row of `pictures.npy`.
    public var row: Int
    /// The objective of noise, and of the picture.
    public var start, end: Double
    /// The objective of the view at each step.
    public var trace: [Double]
    /// Steps that went through shut rectifiers; whether there never was a derivative.
    public var openedSteps: Int
    public var isSilent: Bool

    /// Makes an entry.
    public init(
      file: String?, row: Int, start: Double, end: Double, trace: [Double], openedSteps: Int, isSilent: Bool
    ) {
      (self.file, self.row, self.start, self.end) = (file, row, start, end)
      (self.trace, self.openedSteps, self.isSilent) = (trace, openedSteps, isSilent)
    }
  }

  /// A real input.
  public struct Example: Sendable, Encodable {
    /// Its name and its objective.
    public var name: String
    public var value: Double

    /// Makes an entry.
    public init(name: String, value: Double) { (self.name, self.value) = (name, value) }
  }

  /// One target.
  public struct Target: Sendable, Encodable {
    /// What was maximised, and of what kind: `unit`, `class`, `cav`, `direction`.
    public var name, kind: String
    /// The unit's or the class's index.
    public var index: Int?
    /// The pictures.
    public var pictures: [Picture]
    /// Whether the least was looked for.
    public var isMinimised = false
    /// How alike the pictures are to the layer, from 0 to 1; nil for one.
    public var similarity: Double?
    /// The real inputs of the greatest objective, and the share of all that the best picture exceeds.
    public var examples: [Example]?
    public var exceeds: Double?

    /// Makes an entry.
    public init(name: String, kind: String, index: Int?, pictures: [Picture], similarity: Double?) {
      (self.name, self.kind, self.index) = (name, kind, index)
      (self.pictures, self.similarity) = (pictures, similarity)
    }

    /// The greatest objective of a picture; where the least was looked for the least.
    public var best: Double {
      let ends = pictures.map(\.end)
      return (isMinimised ? ends.min() : ends.max()) ?? .nan
    }
  }

  /// The schema's name and version.
  public let schema = "noema.visualize/1"
  /// The layer's name and its ONNX value; `output` and nothing for classes.
  public var layer: String
  public var onnxValue: String?
  /// The shape of a picture: channels, height, width; or the array's.
  public var shape: [Int]
  /// The targets.
  public var targets: [Target]
  /// What a reader should know first.
  public var warnings: [String]
  /// Examples that could not be read.
  public var skipped: [String] = []

  /// Makes a record.
  public init(layer: String, onnxValue: String?, shape: [Int], targets: [Target], warnings: [String]) {
    (self.layer, self.onnxValue, self.shape) = (layer, onnxValue, shape)
    (self.targets, self.warnings) = (targets, warnings)
  }
}
