public import NoemaData
public import NoemaTensor

/// What the report of a spectral relevance analysis is made from: the numbers of ``SpRAYRecord``, and beside them the
/// examples with their places and pictures.
public struct SpRAYReport: Sendable {
  /// One example of a class.
  public struct Member: Sendable, Hashable {
    /// Its number in the data set.
    public var example: Int
    /// Its file or name, its label and what the network says; texts may be empty.
    public var name, label, prediction: String
    /// The index of its cluster, −1 for none.
    public var cluster: Int
    /// Its distance from the cluster's middle; not finite when there is none.
    public var distance: Double
    /// Its silhouette, −1 to 1; not finite when there is none.
    public var silhouette: Double

    /// Makes a member.
    public init(
      example: Int, name: String, label: String = "", prediction: String = "", cluster: Int,
      distance: Double = .nan, silhouette: Double = .nan
    ) {
      self.example = example
      self.name = name
      self.label = label
      self.prediction = prediction
      self.cluster = cluster
      self.distance = distance
      self.silhouette = silhouette
    }
  }

  /// An example as a picture.
  public struct Picture: Sendable {
    /// The input, where it is an image.
    public var image: Image?
    /// Its relevance.
    public var map: AttributionMap?
    /// Its file or name.
    public var caption: String

    /// Makes a picture.
    public init(image: Image? = nil, map: AttributionMap? = nil, caption: String) {
      self.image = image
      self.map = map
      self.caption = caption
    }
  }

  /// What a cluster looks like.
  public struct Gallery: Sendable {
    /// The mean of its relevance maps, and of its images.
    public var mean: Picture
    /// The examples that stand for it.
    public var prototypes: [Picture]

    /// Makes a gallery.
    public init(mean: Picture, prototypes: [Picture]) {
      self.mean = mean
      self.prototypes = prototypes
    }
  }

  /// The examples of one class.
  public struct Group: Sendable {
    /// The examples.
    public var members: [Member]
    /// Their places in the plane.
    ///
    /// - Shapes: `[members, 2]`.
    public var places: Tensor
    /// The spectral embedding, to be stored.
    ///
    /// - Shapes: `[members, dimensions]`.
    public var eigenvectors: Tensor?
    /// Small images and small maps of the members, in their order; of the first ones when there are fewer.
    public var thumbnails, mapThumbnails: SpRAYThumbnails?
    /// One gallery for each cluster; empty when there are no pictures.
    public var galleries: [Gallery]

    /// Makes the group of a class.
    public init(
      members: [Member], places: Tensor, eigenvectors: Tensor? = nil, thumbnails: SpRAYThumbnails? = nil,
      mapThumbnails: SpRAYThumbnails? = nil, galleries: [Gallery] = []
    ) {
      self.members = members
      self.places = places
      self.eigenvectors = eigenvectors
      self.thumbnails = thumbnails
      self.mapThumbnails = mapThumbnails
      self.galleries = galleries
    }
  }

  /// The analysis's name.
  public var title: String
  /// The question in a sentence.
  public var question = "Which strategies does the network use, and does one of them look at the wrong thing?"
  /// The answer in a sentence or a few; made from the record when empty.
  public var answers: [String] = []
  /// The numbers.
  public var record: SpRAYRecord
  /// The examples of each class of the record, in its order.
  public var groups: [Group]
  /// Things the reader should know first, in sentences.
  public var warnings: [String] = []
  /// Settings of the analysis, in the order to show.
  public var settings: [(name: String, value: String)] = []
  /// Hashes of model and data, in the order to show.
  public var hashes: [(name: String, value: String)] = []
  /// The command that repeats the analysis; may be empty.
  public var commandLine = ""

  /// Makes a report's content.
  public init(title: String, record: SpRAYRecord, groups: [Group]) {
    self.title = title
    self.record = record
    self.groups = groups
  }
}

extension SpRAYReport {
  /// The classes' indices, the most suspicious first.
  var ranking: [Int] {
    record.classes.indices.sorted {
      (record.classes[$0].suspicion.rank, $0) < (record.classes[$1].suspicion.rank, $1)
    }
  }

  /// The confirmed suspicions in sentences, or that there is none.
  var derivedAnswers: [String] {
    let confirmed = ranking.map { record.classes[$0] }.filter(\.isConfirmed)
    let count = record.classes.count
    let classes = count == 1 ? "the analysed class" : "the \(count) analysed classes"
    guard record.classes.contains(where: { $0.clusters.contains { $0.maskingEffect != nil } }) else {
      return ["In \(classes), no strategy was tested by masking; the ranking says which to look at."]
    }
    guard !confirmed.isEmpty else {
      return ["In \(classes), masking confirms no suspicious strategy."]
    }
    let sentences = confirmed.prefix(3).map { Self.capitalised($0.sentence) + "." }
    let rest = confirmed.count - sentences.count
    return sentences + (rest > 0 ? ["Masking confirms \(rest) more, see the ranking."] : [])
  }

  /// The text with a capital at its beginning.
  static func capitalised(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }

  /// Checks that record and groups fit together.
  ///
  /// - Throws: `ReportError` of kind `input`.
  func check() throws(ReportError) {
    guard !record.classes.isEmpty, record.classes.count == groups.count else {
      throw ReportError(
        .input(
          "a report needs the examples of each class; found \(groups.count) for \(record.classes.count) classes"
        ))
    }
    for (result, group) in zip(record.classes, groups) {
      let place = "class '\(result.name)'", count = group.members.count
      func require(_ holds: Bool, _ text: String) throws(ReportError) {
        if !holds { throw ReportError(.input(text), at: place) }
      }
      try require(count > 0, "there are no examples")
      try require(
        group.places.shape == [count, 2], "places of shape \(group.places.shape), expected \([count, 2])")
      if let first = group.places.firstNonFinite() {
        throw ReportError(
          .input("the place of '\(group.members[first / 2].name)' is NaN or infinite"), at: place)
      }
      if let stray = group.members.first(where: { !(-1..<result.clusters.count).contains($0.cluster) }) {
        throw ReportError(
          .input("'\(stray.name)' is in cluster \(stray.cluster) of \(result.clusters.count)"), at: place)
      }
      if let shape = group.eigenvectors?.shape {
        try require(
          shape.count == 2 && shape[0] == count,
          "eigenvectors of shape \(shape), expected [\(count), dimensions]")
      }
      try require(
        group.galleries.isEmpty || group.galleries.count == result.clusters.count,
        "\(group.galleries.count) galleries for \(result.clusters.count) clusters")
    }
  }
}
