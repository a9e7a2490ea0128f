internal import ArgumentParser
internal import Foundation
internal import Noema

/// Which unions a ratio is of, by the words of the flag.
enum DissectedImages: String, ExpressibleByArgument, CaseIterable {
  case annotated, showing

  var images: NetworkDissection.Images { self == .annotated ? .annotatedForCategory : .showingConcept }
}

/// The settings of a dissection.
struct DissectionOptions: ParsableArguments {
  @Option(name: .customLong("top-share"), help: "The share of positions above a unit's threshold.")
  var topShare = NetworkDissection().topShare
  @Option(name: .customLong("min-iou"), help: "The IoU above which a unit detects a concept of masks.")
  var leastIoU = NetworkDissection().leastIoU
  @Option(
    help: "annotated: unions over all images that were looked at; showing: over those with the concept.")
  var unions = DissectedImages.annotated
  @Option(name: .customLong("min-auc"), help: "The AUC from which a unit detects a label.") var leastAUC = 0.8
  @Option(help: "The level up to which an adjusted p-value counts, for labels.") var alpha = 0.05
  @Option(help: "holm, bonferroni, bh or none, for labels.") var correction = MultipleTesting
    .benjaminiHochberg
  @Option(help: "The seed of halves and of other images.") var seed: UInt64 = 7

  func validate() throws {
    guard (0.5...1).contains(leastAUC) else {
      throw ValidationError("--min-auc lies from 0.5 to 1, found \(leastAUC).")
    }
    guard alpha > 0, alpha < 1 else { throw ValidationError("--alpha lies inside (0, 1), found \(alpha).") }
  }

  func record(_ hasMasks: Bool) -> [(name: String, value: String)] {
    if hasMasks {
      return [
        ("share of positions", "\(topShare)"), ("least IoU", "\(leastIoU)"), ("unions", unions.rawValue),
        ("seed", "\(seed)"),
      ]
    }
    return [
      ("least AUC", "\(leastAUC)"), ("alpha", "\(alpha)"), ("correction", correction.rawValue),
      ("seed", "\(seed)"),
    ]
  }
}

/// Where concepts come from.
struct DissectionConceptOptions: ParsableArguments {
  @Option(
    help: "The folder of masks: CONCEPT/IMAGE.png, CATEGORY/CONCEPT/IMAGE.png, or CONCEPT.npy for arrays.")
  var masks: String?
  @Option(
    name: .customLong("concept-labels"),
    help: "A table with a column `name` of examples and a column of 0 and 1 for each concept.")
  var conceptLabels: String?
  @Flag(name: .customLong("labels-as-concepts"), help: "Each label of the data is a concept.")
  var labelsAsConcepts = false

  func check() throws {
    let given = [masks != nil, conceptLabels != nil, labelsAsConcepts].count { $0 }
    guard given == 1 else {
      throw ValidationError(
        "Say where concepts are: one of --masks FOLDER, --concept-labels FILE, or --labels-as-concepts.")
    }
  }

  var path: String { masks ?? conceptLabels ?? "labels of the data" }

  /// Reads what is known of some examples of a data set.
  func read(
    _ dataset: Dataset, _ indices: [Int], _ model: LoadedModel, _ progress: ProgressBar
  ) throws -> KnownConcepts {
    let names = indices.map { dataset.examples.name(of: $0) }
    if let conceptLabels { return .labels(try ConceptLabelTable(path: conceptLabels, examples: names)) }
    guard let masks else {
      guard let labels = dataset.labels else {
        throw DataError(
          .parameters("--labels-as-concepts needs labels: sub-folders, a label column, or --labels"),
          at: dataset.path)
      }
      return .labels(ConceptLabelTable(labels: indices.map { labels[$0] }))
    }
    let shape = dataset.examples.exampleShape
    guard shape.count == 3 || shape.count == 2 else {
      throw DataError(
        .parameters("masks are of pictures, the examples have shape \(shape); give --concept-labels"),
        at: masks)
    }
    let isLast = shape.count == 3 && shape[0] > 4 && shape[2] <= 4
    let size = isLast ? (shape[0], shape[1]) : (shape[shape.count - 2], shape[shape.count - 1])
    return .masks(
      try MaskFolder.read(
        masks, of: dataset.examples, indices: indices, size: size,
        preprocessing: dataset.examples.areImages ? model.preprocessing : nil
      ) { progress("masks", $0, $1) })
  }
}

/// What is known of the examples.
enum KnownConcepts {
  case masks(MaskFolder.Content)
  case labels(ConceptLabelTable)

  var isMasks: Bool { if case .masks = self { true } else { false } }
  var kind: String { isMasks ? "masks" : "labels" }
  var strays: [String] { if case .masks(let content) = self { content.strays } else { [] } }

  /// The concepts, with how many examples show each.
  func concepts(_ count: Int) -> [DissectionRecord.Concept] {
    switch self {
    case .labels(let table):
      return zip(table.concepts, table.marks).map { name, marks in
        .init(name: name, category: "label", shown: marks.count { $0 }, annotated: count)
      }
    case .masks(let content):
      let examples = content.annotations.examples
      return content.annotations.concepts.enumerated().map { index, concept in
        .init(
          name: concept.name, category: concept.category, shown: examples.count { $0.masks[index] != nil },
          annotated: examples.count { $0.categories?.contains(concept.category) ?? true })
      }
    }
  }
}
