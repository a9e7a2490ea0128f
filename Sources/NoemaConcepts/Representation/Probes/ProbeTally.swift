internal import NoemaTensor

/// Answers of probes on all folds, and the numbers that follow from them.
struct ProbeTally {
  private let labels: ProbeLabels
  private let controls: [[Int]]
  private var answers: [Int]
  private var bits: [Double]
  private var foldAccuracies: [Double]
  private var areas: [(value: Double, weight: Double)] = []
  private var penalties: [Double]
  private var trainHits = 0, trainCount = 0
  private var controlHits: [Int]
  private var controlTrainHits = 0, controlTrainCount = 0

  init(labels: ProbeLabels, controls: [[Int]], foldCount: Int) {
    self.labels = labels
    self.controls = controls
    answers = Array(repeating: 0, count: labels.indices.count)
    bits = Array(repeating: 0, count: labels.indices.count)
    foldAccuracies = Array(repeating: 0, count: foldCount)
    penalties = Array(repeating: 0, count: foldCount)
    controlHits = Array(repeating: 0, count: controls.count)
  }

  /// Adds a fold of the task.
  mutating func add(
    fold: Int, test: [Int], scores: Matrix, train: [Int], trainAnswers: [Int], penalty: Double
  ) {
    let truth = test.map { labels.indices[$0] }
    let found = scores.rowMaxima
    let losses = MultinomialLogistic.bits(scores, truth)
    for (position, row) in test.enumerated() {
      answers[row] = found[position]
      bits[row] = losses[position]
    }
    foldAccuracies[fold] = Double(zip(found, truth).count { $0 == $1 }) / Double(max(1, test.count))
    penalties[fold] = penalty
    trainCount += train.count
    trainHits += zip(train, trainAnswers).count { labels.indices[$0] == $1 }
    // Scores of different folds need not be comparable; areas are taken within each.
    let counts = ProbeLabels.counts(truth, labels.classes.count)
    let judged = counts.indices.filter { counts[$0] > 0 && counts[$0] < truth.count }
    guard !judged.isEmpty else { return }
    let values = judged.map { c in
      Classification.areaUnderROC(
        scores: (0..<scores.rowCount).map { scores[$0, c] }, isPositive: truth.map { $0 == c })
    }
    areas.append((Statistics.mean(values), Double(test.count)))
  }

  /// Adds a fold of a control task.
  mutating func addControl(draw: Int, test: [Int], answers: [Int], train: [Int], trainAnswers: [Int]) {
    let task = controls[draw]
    controlHits[draw] += zip(test, answers).count { task[$0] == $1 }
    controlTrainHits += zip(train, trainAnswers).count { task[$0] == $1 }
    controlTrainCount += train.count
  }

  /// Sums up.
  func result(
    layer: String, family: ProbeStudy.Family, featureCount: Int, pooling: String?, resamples: Int,
    notes: [String],
    using random: inout RandomNumbers
  ) -> ProbeStudyResult {
    let n = labels.indices.count
    let classCount = labels.classes.count
    var confusion = Array(repeating: Array(repeating: 0, count: classCount), count: classCount)
    for (label, answer) in zip(labels.indices, answers) { confusion[label][answer] += 1 }
    let counts = labels.counts
    let hits = zip(labels.indices, answers).map { $0 == $1 }
    let accuracy = Double(hits.count { $0 }) / Double(n)
    let recalls = (0..<classCount).map { Double(confusion[$0][$0]) / Double(counts[$0]) }
    let trainAccuracy = Double(trainHits) / Double(trainCount)
    let weight = areas.reduce(0) { $0 + $1.weight }
    // Without labellings there is nothing to average.
    let accuracies = controlHits.map { Double($0) / Double(n) }
    let control = controls.isEmpty ? nil : Statistics.mean(accuracies)
    let memorised = controls.isEmpty ? nil : Double(controlTrainHits) / Double(controlTrainCount)
    return ProbeStudyResult(
      layer: layer, family: family, classes: labels.classes, exampleCount: n, featureCount: featureCount,
      pooling: pooling, folds: penalties.count, accuracy: accuracy,
      accuracyInterval: interval(hits, resamples: resamples, using: &random), foldAccuracies: foldAccuracies,
      balancedAccuracy: Statistics.mean(recalls),
      auc: weight > 0 ? areas.reduce(0) { $0 + $1.value * $1.weight } / weight : 0.5,
      logLossBits: family == .logistic ? Statistics.mean(bits) : nil, confusion: confusion,
      majority: Double(counts.max() ?? 0) / Double(n), trainAccuracy: trainAccuracy, penalties: penalties,
      penalty: Statistics.quantile(penalties, 0.5), controlUnit: labels.controlUnit,
      controlDraws: controls.count,
      controlAccuracy: control,
      controlStandardDeviation: control.map { _ in Statistics.standardDeviation(accuracies) },
      controlTrainAccuracy: memorised, selectivity: control.map { accuracy - $0 },
      trainSelectivity: memorised.map { trainAccuracy - $0 }, notes: notes)
  }

  /// Resamples examples, or whole groups.
  private func interval(_ hits: [Bool], resamples: Int, using random: inout RandomNumbers) -> [Double] {
    var units: [(hits: Double, count: Double)] = []
    if let groups = labels.groups {
      var sums: [Int: (Double, Double)] = [:]
      for (group, hit) in zip(groups, hits) {
        let sum = sums[group] ?? (0, 0)
        sums[group] = (sum.0 + (hit ? 1 : 0), sum.1 + 1)
      }
      units = sums.keys.sorted().compactMap { sums[$0] }
    } else {
      units = hits.map { ($0 ? 1 : 0, 1) }
    }
    let values = (0..<resamples).map { _ in
      var (sum, total) = (0.0, 0.0)
      for _ in units.indices {
        let unit = units[random.index(below: units.count)]
        sum += unit.hits
        total += unit.count
      }
      return sum / total
    }
    return Bootstrap.percentiles(of: values)
  }
}
