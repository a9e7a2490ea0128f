internal import ArgumentParser
internal import Noema

/// The model and its data where neither is required: `ModelOptions` and `DataOptions`, with the file of class names
/// under a name that leaves `--classes` to the classes that are looked at.
struct NetworkOptions: ParsableArguments {
  @Option(help: "The ONNX file.") var model: String?
  @Option(
    name: .customLong("model-card"),
    help: "What inputs and outputs mean; MODEL.yaml beside the model by default.")
  var modelCard: String?
  @Option(name: .customLong("input-size"), help: "Height and width of input images, as 224 or 224x320.")
  var inputSize: String?
  @Option(help: "none, exact (stretch), or the length of the shorter side.") var resize: String?
  @Option(help: "nearest, box, bilinear, hamming, bicubic or lanczos.") var filter: String?
  @Option(help: "none or centre.") var crop: String?
  @Option(name: .customLong("color-order"), help: "rgb, bgr or grey.") var colorOrder: String?
  @Option(name: .customLong("pixel-scale"), help: "What bytes are multiplied by, as 0.0039 or 1/255.")
  var pixelScale: String?
  @Option(parsing: .unconditional, help: "Mean per channel, as 0.485,0.456,0.406.") var mean: String?
  @Option(help: "Deviation per channel, as 0.229,0.224,0.225.") var std: String?
  @Option(help: "nchw or nhwc.") var layout: String?
  @Option(
    name: .customLong("class-names"), help: "A file of class names, one a line, in the order of the outputs.")
  var classNames: String?
  @Option(
    name: .customLong("input-shape"),
    help: "An input's shape where the file leaves it open: NAME=1x3x224x224.")
  var inputShapes: [String] = []
  @Option(help: "A folder of images (sub-folders are labels), .npy, .npz, .csv, or IDX.") var data: String?
  @Option(help: "A file of labels: .npy, IDX, or text with one a line.") var labels: String?
  @Option(name: .customLong("label-column"), help: "The table's column of labels.") var labelColumn: String?
  @Option(help: "The table's input columns, with commas between.") var columns: String?
  @Option(help: "The archive's array of inputs.") var array: String?
  @Option(help: "Use the first N examples only.") var limit: Int?

  func validate() throws {
    guard (model == nil) == (data == nil) else {
      throw ValidationError(
        model == nil
          ? "--data needs --model, which says how inputs are made." : "--model needs --data, its examples.")
    }
  }

  /// The model's options; nil without a model.
  func modelOptions() throws -> ModelOptions? {
    guard let model else { return nil }
    let given = [
      ("model", model), ("model-card", modelCard), ("input-size", inputSize), ("resize", resize),
      ("filter", filter), ("crop", crop), ("color-order", colorOrder), ("pixel-scale", pixelScale),
      ("mean", mean), ("std", std), ("layout", layout), ("classes", classNames),
    ]
    return try ModelOptions.parse(Self.arguments(given) + inputShapes.map { "--input-shape=\($0)" })
  }

  /// The data's options; nil without data.
  func dataOptions() throws -> DataOptions? {
    guard let data else { return nil }
    return try DataOptions.parse(
      Self.arguments([
        ("data", data), ("labels", labels), ("label-column", labelColumn), ("columns", columns),
        ("array", array), ("limit", limit.map { String($0) }),
      ]))
  }

  private static func arguments(_ given: [(name: String, value: String?)]) -> [String] {
    given.compactMap { name, value in value.map { "--\(name)=\($0)" } }
  }
}
