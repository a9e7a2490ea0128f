internal import ArgumentParser
internal import Foundation
internal import Noema

struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo", abstract: "Run a worked example on real data.",
    subcommands: [TCAVDemo.self, ACEDemo.self, SpRAYDemo.self, RulesDemo.self])
}

/// What all demonstrations have in common.
struct DemoOptions: ParsableArguments {
  @Option(
    help: "The folder of fmnist-tagged.onnx and fmnist-clean.onnx; found beside the package by default.")
  var models: String?
  @Option(help: "The folder of Fashion-MNIST's t10k files (Debian package dataset-fashion-mnist).")
  var data = DemoOptions.fashion
  @Option(help: "The seed of all random choices.") var seed: UInt64 = 7
  @Flag(help: "Print nothing but errors.") var quiet = false

  /// Where Debian's package puts Fashion-MNIST.
  static let fashion = "/usr/share/datasets/fashion-mnist"
}

struct TCAVDemo: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tcav",
    abstract: "Find the planted corner tag in one of two twin networks.",
    discussion: """
      Both networks tell Fashion-MNIST classes apart. In the training data of one a
      small tag stood in the corner of most shirts, in that of the other on as many
      images of all classes. The study asks both: does the output 'Shirt' rest on
      the tag, on textures, or on the collar?

      EXAMPLE
        noema demo tcav -o demo-out
      """)

  @Option(name: [.customShort("o"), .customLong("out")], help: "The folder to write.") var out = "demo-out"
  @Option(help: "CAVs per concept.") var runs = 50
  @Option(name: .customLong("pseudo-concepts"), help: "Pseudo-concepts of the permutation test.")
  var pseudoConcepts = 999
  @OptionGroup var options: DemoOptions

  private static let layers = ["pool1", "pool2"]

  func run() throws {
    let start = ContinuousClock().now
    let images = try FashionImages(folder: options.data)
    let folder = try DemoModels.folder(options.models)
    var test = TCAV()
    test.runs = runs
    test.pseudoConcepts = pseudoConcepts
    test.seed = options.seed
    let progress = ProgressBar(isShown: !options.quiet && isatty(2) == 1)
    try ResultFolder.make(at: out) { target in
      var archives: [TCAVArchive] = []
      for twin in DemoModels.twins {
        let network = try Network(contentsOf: "\(folder)/fmnist-\(twin).onnx")
        let layers = try network.graph().layers()
        var study = TCAVStudy(network: network, layers: try Self.layers.flatMap { try layers.matching($0) })
        study.test = test
        try images.fill(&study, seed: options.seed)
        let result = try study { progress("\(twin) twin: \($0)", $1, $2) }
        var archive = TCAVArchive(
          study: study, result: result,
          question:
            "Does the output 'Shirt' of the \(twin) twin rest on the corner tag, on textures, or on the collar?",
          settings: settings, hashes: [("model sha-256", network.hash)], commandLine: commandLine)
        archive.notes = [
          "textures fill the whole image and the collar is cut out on black, unlike the random garments: part of "
            + "what their probes find is that difference"
        ]
        archives.append(archive)
        try ResultFolder.make(at: "\(target.stagingPath)/\(twin)") {
          try archive.write(into: $0, run: record(network, start))
        }
      }
      let both = join(archives)
      try both.write(into: target, run: record(both.study.network, start))
      guard !options.quiet else { return }
      print(TCAVTable.text(both.result.results))
      print("")
      for twin in DemoModels.twins {
        let tag = both.result.results.filter { $0.concept == "corner tag" && $0.target.contains(twin) }
        let used = tag.filter { $0.verdict == .used }
        if used.isEmpty {
          let verdicts = Set(tag.map(\.verdict.rawValue)).sorted().joined(separator: ", ")
          print("The \(twin) twin does not use the corner tag (\(verdicts)).")
        } else {
          let layers = used.map(\.layer).joined(separator: " and ")
          let score = String(format: "%.2f", used[0].score)
          let p = String(format: "%.3f", used.map(\.pPermutationAdjusted).max() ?? 1)
          print("The \(twin) twin uses the corner tag: score \(score) at \(layers), adjusted p = \(p).")
        }
      }
      print(String(format: "\n%.1f s, peak memory %d MiB", seconds(since: start), peakMemory() >> 20))
      print("report: \(out)/report.html (each twin alone: \(out)/tagged, \(out)/clean)")
    }
  }

  private var commandLine: String { StudyFile.commandLine(StudyFile.currentArguments) }

  private var settings: [(name: String, value: String)] {
    [
      ("data", "Fashion-MNIST test images"), ("runs", String(runs)),
      ("pseudo-concepts", String(pseudoConcepts)),
      ("probe of the CAV", "mean-difference"), ("probe of quality", "ridge"), ("correction", "holm"),
      ("seed", String(options.seed)), ("noema", noemaVersion),
    ]
  }

  private func record(_ network: Network, _ start: ContinuousClock.Instant) -> RunRecord {
    let model = LoadedModel(
      network: network, preprocessing: nil, classNames: FashionImages.classNames, shapes: [:], isGuess: false)
    return RunRecord(
      model, data: ["path": options.data],
      settings: Dictionary(uniqueKeysWithValues: settings.map { ($0.name, $0.value) }),
      seed: options.seed, timings: ["study": seconds(since: start)])
  }

  /// Both twins side by side, each as a target of its own.
  private func join(_ archives: [TCAVArchive]) -> TCAVArchive {
    var joined = archives[0]
    joined.title = "Concept sensitivity of twin networks"
    joined.question = "Which twin's output 'Shirt' rests on the corner tag?"
    joined.hashes = zip(DemoModels.twins, archives).map { ("\($0) twin sha-256", $1.study.network.hash) }
    joined.result.results = []
    joined.result.cavs = []
    joined.result.derivatives = []
    joined.result.similarities = []
    joined.result.inputNames = []
    joined.result.inputIndices = []
    joined.result.accuracy = []
    joined.study.targets = []
    for (twin, archive) in zip(DemoModels.twins, archives) {
      let name = "Shirt, \(twin) twin"
      for var result in archive.result.results {
        result.target = name
        result.derivativeIndex = joined.result.results.count
        result.cavIndex += joined.result.cavs.count
        joined.result.results.append(result)
      }
      joined.result.cavs += archive.result.cavs
      joined.result.derivatives += archive.result.derivatives
      joined.result.similarities += archive.result.similarities
      joined.result.inputNames += archive.result.inputNames
      joined.result.inputIndices += archive.result.inputIndices
      joined.result.accuracy += archive.result.accuracy
      for var target in archive.study.targets {
        target.name = name
        joined.study.targets.append(target)
      }
    }
    // One study of both: p-values are corrected over all hypotheses shown together.
    joined.study.test.settle(&joined.result.results)
    return joined
  }
}

extension FashionImages {
  /// Gives a study its concepts, random pool and class inputs; no image serves twice.
  func fill(_ study: inout TCAVStudy, seed: UInt64) throws {
    var random = RandomNumbers(seed: seed)
    let order = random.sample(images.count, below: images.count)
    let shirts = order.filter { labels[$0] == 6 }
    let tops = order.filter { [0, 2, 4].contains(labels[$0]) }.prefix(60)
    let inputs = shirts.prefix(100)
    let used = Set(inputs).union(tops)
    let rest = order.filter { !used.contains($0) }
    let tagged = rest.prefix(60)
    let pool = rest.dropFirst(60).prefix(600)

    var recipe = Preprocessing(height: 28, width: 28)
    recipe.colorOrder = .grey
    func source(_ images: [Image], _ name: String) throws -> MemoryImages {
      try MemoryImages(images, preprocessing: recipe, name: name)
    }
    study.concepts = [
      .init(name: "corner tag", examples: try source(tagged.map { images[$0].withTag() }, "tag"))
    ]
    for texture in ["striped", "dotted", "checkered"] {
      let generator = try ConceptCatalog.generator(named: texture)
      let drawn = (0..<60).map { generator.image(at: $0, seed: seed, size: 28, channelCount: 1) }
      study.concepts.append(.init(name: texture, examples: try source(drawn, texture)))
    }
    study.concepts.append(
      .init(name: "collar", examples: try source(tops.map { images[$0].collar() }, "collar")))
    study.random = .pool(try source(pool.map { images[$0] }, "t10k"))
    study.targets = [.init(name: "Shirt", index: 6, examples: try source(inputs.map { images[$0] }, "shirt"))]
  }
}

extension Image {
  /// The upper middle of the image, where a top has its collar, on black.
  fileprivate func collar() -> Image {
    var copy = self
    for row in 0..<28 {
      for column in 0..<28 where !(row < 9 && (8..<20).contains(column)) {
        copy.pixels[row * 28 + column] = 0
      }
    }
    return copy
  }
}
