internal import ArgumentParser
internal import Foundation
internal import Noema

struct ActivationsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "activations",
    abstract: "Save hidden activations of a data set, one .npy file a layer.",
    discussion: """
      Work in progress lies in OUT.partial; a run that was stopped continues there.

      EXAMPLES
        noema activations --model net.onnx --data photos --layer 'layer4*' -o acts/
        noema activations --model net.onnx --data x.npy --layer Conv:3 \\
          --layer fc1 --pool mean -o acts/
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var data: DataOptions
  @OptionGroup var options: RunOptions
  @Option(
    parsing: .upToNextOption,
    help: "A layer: short name, ONNX value or node, module path, glob, or Operator:N. Repeatable.")
  var layer: [String] = []
  @Option(help: "none, mean or max over positions.") var pool = Pooling.none
  @Option(name: .customLong("shard-rows"), help: "Rows that are safe after an interruption.") var shardRows =
    256
  @Option(name: [.customShort("o"), .customLong("out")], help: "The folder to write.") var out: String

  private struct Manifest: Encodable {
    struct Entry: Encodable {
      var name, onnxValue, file: String
      var shape: [Int]
      var dtype = "float32"
    }
    var schema = "noema.activations/1"
    var layers: [Entry]
    var examples: [String]
    var labels: [String]?
    var pooling: Pooling
    var skipped: [String]
    var run: RunRecord
  }

  func run() throws {
    let start = ContinuousClock().now
    guard shardRows >= 1 else { throw ValidationError("--shard-rows must be positive, found \(shardRows).") }
    let model = try model.load()
    let layers = try model.layers(matching: layer)
    let dataset = try data.open(model)
    model.noteGuess(dataset.examples, options.quiet)
    let progress = options.progress()
    // Claims the place before the work is done.
    let folder = try ResultFolder(at: out)
    do {
      let (manifest, store) = try write(model, layers, dataset, folder, progress, start)
      try folder.finish()
      store.remove()
      if options.json { return print(try jsonText(manifest), terminator: "") }
      guard !options.quiet else { return }
      let count = manifest.examples.count
      print(
        "wrote \(layers.count) layer\(layers.count == 1 ? "" : "s") of \(count) "
          + "example\(count == 1 ? "" : "s") to \(out)")
      for line in manifest.skipped { print("skipped \(line)") }
    } catch {
      folder.discard()
      throw error
    }
  }

  private var partial: String { (out.hasSuffix("/") ? String(out.dropLast()) : out) + ".partial" }

  private func write(
    _ model: LoadedModel, _ layers: [Layer], _ dataset: Dataset, _ folder: ResultFolder,
    _ progress: ProgressBar,
    _ start: ContinuousClock.Instant
  ) throws -> (Manifest, ActivationStore) {
    let memory = try options.memoryBudget()
    var capture = Capture(model.network, layers: layers.map(\.onnxValue))
    capture.pooling = pool
    capture.shapes = model.shapes
    capture.batchMemory = memory / 2
    // Bad examples are known before the store is sized.
    let (good, skipped) =
      options.skipBad ? readable(dataset.examples, progress) : (Array(0..<dataset.examples.count), [])
    guard !good.isEmpty else {
      throw DataError(
        .malformed("none of the \(skipped.count) examples can be read"), at: data.data)
    }
    let source = ExampleSubset(dataset.examples, good)
    // Before the store is made, so that nothing is left of data that do not fit.
    try capture.check(source)
    let shapes = try capture.shapesAfterPooling()
    let dataHash = dataset.hash()
    let key =
      "\(model.network.hash) \(dataHash) \(String(describing: model.preprocessing)) \(pool.rawValue) "
      + layers.map(\.onnxValue).joined(separator: ",")
    let store = try ActivationStore(
      folder: partial, key: Array(key.utf8).withUnsafeBytes(SHA256.hexadecimal),
      layers: zip(layers, shapes).map {
        StoredLayer(name: $0.name, onnxValue: $0.onnxValue, exampleShape: $1)
      },
      rowCount: source.count, shardRows: min(shardRows, max(1, source.count)), mismatch: .startFresh)
    let done = store.completedRows
    if done > 0, done < source.count, !options.quiet {
      note("continuing after \(done) of \(source.count) examples")
    }
    if done < source.count {
      try capture.stream(source, after: done) { tensors, count in
        try store.append(tensors)
        progress("activations", count, source.count)
      }
    }
    try store.finish()
    var entries: [Manifest.Entry] = []
    for (layer, shape) in zip(layers, shapes) {
      let file = fileName(layer.name, taken: entries.map(\.file))
      var writer = try NPYWriter(
        path: try folder.makePath(for: file), shape: [source.count] + shape, elementType: .float32)
      let features = try store.features(ofLayer: layer.name)
      let rows = max(1, min(source.count, (16 << 20) / max(1, features.columnCount * 4)))
      for first in stride(from: 0, to: source.count, by: rows) {
        try writer.append(try features.rows(first..<min(first + rows, source.count)).reshaped(rows: shape))
      }
      try writer.finish()
      entries.append(
        .init(name: layer.name, onnxValue: layer.onnxValue, file: file, shape: [source.count] + shape))
    }
    let manifest = Manifest(
      layers: entries, examples: good.map(dataset.examples.name(of:)),
      labels: dataset.labels.map { labels in good.map { labels[$0] } },
      pooling: pool, skipped: skipped,
      run: RunRecord(
        model, data: ["path": data.data, "sha256": dataHash], settings: ["pool": pool.rawValue],
        timings: ["total": seconds(since: start)]))
    try folder.write(try jsonText(manifest), to: "manifest.json")
    // Marks the folder as ours, so that a later run may replace it.
    try folder.write(try jsonText(manifest.run), to: "result.json")
    try folder.write(StudyFile.yaml(StudyFile.currentArguments), to: "study.yaml")
    return (manifest, store)
  }

  private func readable(_ source: any ExampleSource, _ progress: ProgressBar) -> ([Int], [String]) {
    var (good, skipped): ([Int], [String]) = ([], [])
    for index in 0..<source.count {
      do {
        _ = try source.tensor(at: index)
        good.append(index)
      } catch { skipped.append("\(source.name(of: index)): \(error)") }
      progress("checking examples", index + 1, source.count)
    }
    return (good, skipped)
  }

  /// A file name made of a layer's name.
  private func fileName(_ name: String, taken: [String]) -> String {
    let base = String(
      name.map { $0.isLetter || $0.isNumber || "._-".contains($0) ? $0 : "_" }.drop { $0 == "." || $0 == "_" }
    )
    var candidate = (base.isEmpty ? "layer" : base) + ".npy"
    var number = 2
    while taken.contains(candidate) {
      candidate = "\(base)-\(number).npy"
      number += 1
    }
    return candidate
  }
}

extension Tensor {
  /// The same rows with another shape of each.
  fileprivate func reshaped(rows shape: [Int]) -> Tensor { reshaped(to: [self.shape[0]] + shape) }
}
