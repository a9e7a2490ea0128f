import NoemaTensor
import NoemaTestSupport
import Testing

/// Every failure has its exit code, one sentence that names the cure, and leaves nothing that looks like a result.
@Suite struct ExitCodeTests {
  private typealias Case = RefusedCommand

  private static let usage = [
    Case(2, "predict --bogus", "Missing expected argument"),
    Case(2, "explode", "Unexpected argument 'explode'"),
    Case(2, "predict --model net.onnx --data x.npy --top 0", "--top must be positive, found 0."),
    Case(2, "predict --model net.onnx --data x.npy --limit 0", "--limit must be positive, found 0."),
    Case(
      2, "predict --model net.onnx --data x.npy --memory 1MB", "--memory expects a size of at least 256MB"),
    Case(2, "predict --model net.onnx --data x.npy --mean one", "--mean expects numbers"),
    Case(2, "activations --model net.onnx --data x.npy -o out", "Give at least one --layer"),
    Case(
      2, "activations --model net.onnx --data x.npy --layer pol1 -o out",
      "noema: no layer named 'pol1'; did you mean 'pool1'"),
    Case(
      2, "explain --model net.onnx --data x.npy --target squares -o out",
      "noema: no class named 'squares'; did you mean 'square'?\n"),
    Case(
      2, "explain --model net.onnx --data x.npy --target 3 -o out", "no class (the network has 3) named '3'"),
    Case(2, "explain --model net.onnx --data x.npy --method magic -o out", "no method named 'magic'"),
    Case(2, "predict --model net.onnx --data x.npy -o taken", "taken"),
  ]

  private static let data = [
    Case(65, "inspect x.npy", "noema: x.npy: not a valid ONNX model: the protobuf does not parse"),
    Case(65, "predict --model net.onnx --data broken.npy -o out", "broken.npy"),
    Case(
      65, "predict --model net.onnx --data wide.npy -o out",
      "the network takes examples of shape [1, 8, 8], the data has [1, 8, 9]; "
        + "set the input size in the model card or with --input-size"),
    Case(
      65, "activations --model net.onnx --data wide.npy --layer conv1 -o acts",
      "the network takes examples of shape [1, 8, 8], the data has [1, 8, 9]"),
    Case(
      65, "explain --model net.onnx --data wide.npy -o out",
      "the network takes examples of shape [1, 8, 8], the data has [1, 8, 9]"),
    Case(
      65, "predict --model net.onnx --data nan.npy -o out",
      "noema: nan.npy: value 5 of example 1 is NaN or infinite; clean the data\n"),
    Case(65, "predict --model net.onnx --data photos -o out", "noema: photos/bad.jpg: "),
    Case(65, "explain --model net.onnx --data photos -o out", "noema: photos/bad.jpg: "),
    Case(65, "activations --model net.onnx --data photos --layer conv1 -o acts", "noema: photos/bad.jpg: "),
    Case(65, "predict --model net.onnx --data nothing -o out", "nothing"),
    Case(65, "run broken.yaml", "broken.yaml"),
  ]

  private static let others = [
    Case(
      66, "inspect gone.onnx", "noema: gone.onnx: cannot open the model file (no such file); check the path\n"
    ),
    Case(66, "predict --model net.onnx --data gone.npy -o out", "noema: gone.npy: no such file or folder"),
    Case(66, "predict --model net.onnx --model-card gone.yaml --data x.npy", "gone.yaml"),
    Case(66, "explain --model net.onnx --data x.npy --target-file gone.npy -o out", "gone.npy"),
    Case(66, "run gone.yaml", "noema: gone.yaml: no such file or folder"),
    Case(
      69, "predict --model strange.onnx --data x.npy -o out",
      "noema: strange.onnx: 1 operator is not supported:\n  Mystery (opset 17) at /head/Mystery\n"),
    Case(69, "inspect strange.onnx", "1 operator is not supported:\n  Mystery (opset 17) at /head/Mystery\n"),
    Case(74, "predict --model net.onnx --data x.npy -o /dev/null/out", "noema: "),
    Case(74, "explain --model net.onnx --data x.npy -o /dev/null/out", "noema: "),
  ]

  @Test(arguments: usage + data + others)
  func failuresAreExplained(_ row: RefusedCommand) throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    try workspace.write(Workspace.noise([3, 1, 8, 8], seed: 5), "x.npy")
    try workspace.write(Workspace.noise([3, 1, 8, 9], seed: 5), "wide.npy")
    var numbers = Workspace.noise([3, 1, 8, 8], seed: 5).elements(as: Float.self)
    numbers[69] = .nan
    try workspace.write(Tensor(shape: [3, 1, 8, 8], numbers), "nan.npy")
    try workspace.write(Array("\u{93}NUMPY and then nothing of use".utf8), "broken.npy")
    try workspace.write("job: [", "broken.yaml")
    try workspace.write("mine", "taken/notes.txt")
    try workspace.write("", "nothing/notes.txt")
    try workspace.writePictures("photos", 0..<3)
    try workspace.write(TinyModel.brokenJPEG, "photos/bad.jpg")
    var strange = ModelDraft()
    strange.input("x", [nil, 1, 8, 8])
    strange.node("Mystery", ["x"], ["y"], name: "/head/Mystery")
    strange.output("y")
    try strange.write(to: workspace.file("strange.onnx"))
    try row.check(in: workspace, partial: "acts.partial")
  }

  @Test func helpAndVersionAreNoFailures() throws {
    let workspace = try Workspace()
    for arguments in [["--help"], ["--version"], ["help", "tcav"], []] {
      let outcome = try workspace.start(arguments).wait()
      #expect(outcome.code == 0 && !outcome.output.isEmpty && outcome.errors.isEmpty, "\(arguments)")
    }
  }

  @Test(arguments: [
    ["predict"], ["explain", "--method", "gradient"], ["activations", "--layer", "conv1"],
  ])
  func fullDiskLeavesNothing(_ job: [String]) throws {
    let workspace = try Workspace()
    try workspace.writeImageModel()
    try workspace.write(Workspace.noise([400, 1, 8, 8], seed: 5), "x.npy")
    let before = try workspace.entries()
    let outcome = try workspace.start(
      job + ["--model", "net.onnx", "--data", "x.npy", "-o", "out"], largestFile: 4
    ).wait()
    #expect(outcome.code == 74)
    #expect(outcome.errors.contains("File too large"), "\(outcome.errors)")
    #expect(try workspace.entries().filter { $0 != "out.partial" } == before)
  }
}
