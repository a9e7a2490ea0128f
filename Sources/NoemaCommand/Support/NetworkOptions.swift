internal import ArgumentParser
internal import Noema

/// The model and its data where neither is required, with the file of class names under a name that leaves `--classes`
/// to the classes that are looked at.
struct NetworkOptions: ParsableArguments {
  @Option(help: "The ONNX file.") var model: String?
  @OptionGroup var inputs: InputOptions
  @Option(
    name: .customLong("class-names"), help: "A file of class names, one a line, in the order of the outputs.")
  var classNames: String?
  @Option(help: "A folder of images (sub-folders are labels), .npy, .npz, .csv, or IDX.") var data: String?
  @OptionGroup var examples: ExampleOptions

  func validate() throws {
    guard (model == nil) == (data == nil) else {
      throw ValidationError(
        model == nil
          ? "--data needs --model, which says how inputs are made." : "--model needs --data, its examples.")
    }
  }
}
