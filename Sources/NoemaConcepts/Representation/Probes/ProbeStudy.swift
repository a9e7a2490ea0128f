public import NoemaTensor

/// What can be read off a layer by a linear probe, with what random labels would give.
///
/// Cross-validated accuracy of class labels from the layer's features. Every fold is decomposed once, for all
/// families, classes, penalties and control tasks; the cost does not depend on the number of features beyond one
/// pass over them.
///
/// - Sources: Alain and Bengio, "Understanding intermediate layers using linear classifier probes", 2016; Hewitt
///   and Liang, "Designing and interpreting probes with control tasks", EMNLP 2019.
public struct ProbeStudy: Sendable {
  /// A kind of probe.
  public enum Family: String, Sendable, Codable, CaseIterable {
    /// Ridge regression on one-hot targets, λ by leave-one-out.
    case ridge
    /// Multinomial logistic regression, λ by the log loss of a held-out fifth.
    case logistic
    /// Support vector machines, each class against the rest, cost `100 n / trace(K_c)`.
    case supportVector = "svm"
    /// The nearest class mean.
    case nearestMean = "nearest-mean"

    func probe(seed: UInt64) -> any MulticlassProbe {
      switch self {
      case .ridge: MulticlassRidge()
      case .logistic: MultinomialLogistic(seed: seed)
      case .supportVector: OneVersusRest()
      case .nearestMean: NearestMean()
      }
    }
  }

  /// The kinds of probes, one result each.
  public var families: [Family] = [.ridge]
  /// In how many parts examples are split, each held out once.
  public var folds = 5
  /// How many random labellings are drawn.
  public var controlDraws = 5
  /// How many bootstrap samples give the interval of the accuracy.
  public var resamples = 1000
  /// Examples beyond this many, when features are more than that too, are sampled.
  public var maximumExamples = 5000
  /// The seed of folds, labellings and bootstrap.
  public var seed: UInt64 = 0

  /// Makes a study of some families.
  public init(_ families: [Family] = [.ridge]) { self.families = families }

  /// Studies a layer.
  ///
  /// - Parameters:
  ///   - layer: its name.
  ///   - features: examples × features, streamed.
  ///   - labels: the class of each example.
  ///   - pooling: how the features were pooled, for the record.
  /// - Returns: one result for each family, in order.
  /// - Throws: `ConceptError.parameters` for a single class, counts that differ or classes in too few groups;
  ///   `.tooFew` naming a class with fewer examples than folds; `.notFinite`; `.algebra`; and what reading a
  ///   block throws.
  public func run(
    layer: String, features: any FeatureMatrix, labels: ProbeLabels, pooling: String? = nil
  ) throws -> [ProbeStudyResult] {
    do {
      return try run(layer, features, labels, pooling)
    } catch let error as ConceptError where error.place.isEmpty { throw ConceptError(error.kind, at: layer) }
  }

  private func run(
    _ layer: String, _ features: any FeatureMatrix, _ labels: ProbeLabels, _ pooling: String?
  ) throws -> [ProbeStudyResult] {
    let (n, d) = (features.rowCount, features.columnCount)
    guard labels.indices.count == n else {
      throw ConceptError(.mismatch("\(labels.indices.count) labels for \(n) examples; give one for each"))
    }
    guard controlDraws >= 0, resamples >= 1, maximumExamples >= 10, d >= 1 else {
      throw ConceptError(
        .parameters(
          "a study takes 1 feature, 1 resample, 10 examples and 0 control draws or more, "
            + "found \(d), \(resamples), \(maximumExamples) and \(controlDraws)"))
    }
    let random = RandomNumbers(seed: seed)
    var (features, labels, notes) = (features, labels, [String]())
    // Either side may be long, not both; a gigabyte of features is enough.
    let limit =
      min(n, d) > maximumExamples ? maximumExamples : n > d ? max(maximumExamples, (1 << 27) / d) : n
    if n > limit {
      var generator = random.split(-1)
      let rows = labels.sample(limit, atLeast: folds, using: &generator)
      features = FeatureRows(features, rows: rows)
      labels = try labels.selecting(rows)
      notes.append("\(rows.count) of \(n) examples, sampled by class")
    }
    var generator = random.split(-2)
    let folds = try ProbeFolds(labels, count: folds, using: &generator)
    let coordinates = try SpectralBasis.coordinates(of: features)
    if coordinates.columnCount == 0 || !coordinates.elements.contains(where: { $0 != 0 }) {
      notes.append("the layer does not vary; only the sizes of the classes are known to the probe")
    }
    var generatorOfLabels = random.split(-3)
    let controls = (0..<controlDraws).map { _ in labels.controlTask(folds, using: &generatorOfLabels) }
    var tallies = families.map { _ in
      ProbeTally(labels: labels, controls: controls, foldCount: folds.count)
    }
    for fold in 0..<folds.count {
      let (train, test) = folds.split(fold)
      let columns = Array(0..<coordinates.columnCount)
      let basis = try SpectralBasis(coordinates.selecting(rows: train, columns: columns))
      let held = basis.project(coordinates.selecting(rows: test, columns: columns))
      for (index, family) in families.enumerated() {
        let probe = family.probe(seed: seed)
        let groups = labels.groups.map { groups in train.map { groups[$0] } }
        func fit(_ task: [Int], _ penalty: Double?) throws(ConceptError) -> LinearScores {
          try probe.fit(
            basis, train.map { task[$0] }, classCount: labels.classes.count, penalty: penalty, groups: groups)
        }
        let fitted = try fit(labels.indices, nil)
        tallies[index].add(
          fold: fold, test: test, scores: fitted.scores(held), train: train,
          trainAnswers: fitted.scores(basis.rows).rowMaxima, penalty: fitted.penalty)
        for (draw, task) in controls.enumerated() {
          let control = try fit(task, fitted.penalty)
          tallies[index].addControl(
            draw: draw, test: test, answers: control.scores(held).rowMaxima, train: train,
            trainAnswers: control.scores(basis.rows).rowMaxima)
        }
      }
    }
    return zip(families, tallies).map { family, tally in
      var generator = random.split(-4)
      return tally.result(
        layer: layer, family: family, featureCount: d, pooling: pooling, resamples: resamples, notes: notes,
        using: &generator)
    }
  }
}
