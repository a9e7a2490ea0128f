import Foundation
import NoemaTensor
import Testing

@testable import NoemaConcepts

/// Examples around one mean for each class.
private func clusters(
  _ n: Int, _ d: Int, classes: Int, distance: Double, seed: UInt64
) throws -> (x: Matrix, labels: ProbeLabels) {
  var x = PlantedLayer.noise(n, d, seed: seed)
  var random = RandomNumbers(seed: seed &+ 99)
  let means = (0..<classes).map { _ in
    (0..<d).map { _ in random.normal() * distance / Double(2 * d).squareRoot() }
  }
  let indices = (0..<n).map { $0 % classes }
  for i in 0..<n { for j in 0..<d { x[i, j] += means[indices[i]][j] } }
  return (x.rounded, try ProbeLabels(classes: (0..<classes).map { "class\($0)" }, indices: indices))
}

@Suite struct MulticlassProbeTests {
  /// Weights in the axes of the features.
  private func scores(_ probe: any MulticlassProbe, _ x: Matrix, _ labels: ProbeLabels, penalty: Double?)
    throws -> Matrix
  {
    let basis = try SpectralBasis(x)
    let fitted = try probe.fit(
      basis, labels.indices, classCount: labels.classes.count, penalty: penalty, groups: nil)
    return fitted.scores(basis.project(x))
  }

  @Test(arguments: [(30, 80), (80, 30)])
  func theBasisIsARotation(_ extents: (Int, Int)) throws {
    let x = PlantedLayer.noise(extents.0, extents.1, seed: 1)
    let basis = try SpectralBasis(x)
    var centred = x
    centred.subtractColumnMeans()
    #expect(
      PlantedLayer.distance(
        basis.rows.timesTransposed(basis.rows).elements, centred.timesTransposed(centred).elements) < 1e-9)
    #expect(PlantedLayer.distance(basis.project(x).elements, basis.rows.elements) < 1e-9)
  }

  @Test(arguments: [(30, 80), (80, 30)])
  func ridgeEqualsItsNormalEquations(_ extents: (Int, Int)) throws {
    let (x, labels) = try clusters(extents.0, extents.1, classes: 3, distance: 2, seed: 2)
    let n = extents.0
    var centred = x
    centred.subtractColumnMeans()
    var system = centred.transposedTimes(centred)
    for j in 0..<extents.1 { system[j, j] += 0.7 }
    var targets = Matrix(rowCount: n, columnCount: 3)
    for i in 0..<n { targets[i, labels.indices[i]] = 1 }
    let means = targets.columnMeans
    targets.subtractColumnMeans()
    var expected = centred.times(try Cholesky(system).solve(centred.transposedTimes(targets)))
    expected.subtractFromRows(means.map { -$0 })
    let found = try scores(MulticlassRidge(), x, labels, penalty: 0.7)
    #expect(PlantedLayer.distance(found.elements, expected.elements) < 1e-8)
  }

  /// The penalty that leave-one-out chooses is the best of brute force over the grid.
  @Test func ridgeChoosesThePenaltyThatLeavingOutChooses() throws {
    let (x, labels) = try clusters(24, 40, classes: 3, distance: 3, seed: 3)
    let basis = try SpectralBasis(x)
    let chosen = try MulticlassRidge().fit(basis, labels.indices, classCount: 3, penalty: nil, groups: nil)
      .penalty
    var best = (lambda: 0.0, accuracy: -1.0, error: Double.infinity)
    for factor in MulticlassRidge.grid {
      let lambda = factor * basis.unit
      var (hits, error) = (0.0, 0.0)
      for left in 0..<24 {
        let rows = (0..<24).filter { $0 != left }
        let columns = Array(0..<40)
        let rest = try SpectralBasis(x.selecting(rows: rows, columns: columns))
        let fitted = try MulticlassRidge().fit(
          rest, rows.map { labels.indices[$0] }, classCount: 3, penalty: lambda, groups: nil)
        let answer = fitted.scores(rest.project(x.selecting(rows: [left], columns: columns)))
        if answer.rowMaxima[0] == labels.indices[left] { hits += 1 }
        for c in 0..<3 { error += pow((c == labels.indices[left] ? 1 : 0) - answer[0, c], 2) }
      }
      if hits > best.accuracy || (hits == best.accuracy && error < best.error) {
        best = (lambda, hits, error)
      }
    }
    #expect(abs(chosen / best.lambda - 1) < 1e-9)
  }

  @Test func twoClassesAreTheBinaryLogisticProbe() throws {
    let x = Matrix(rowCount: 24, columnCount: 6, elements: ProbeGoldens.features.flatMap { $0 })
    let labels = try ProbeLabels(classes: ["no", "yes"], indices: ProbeGoldens.labels)
    var probe = MultinomialLogistic()
    probe.tolerance = 1e-20
    // Two opposite halves of w cost half of what w does.
    let found = try scores(probe, x, labels, penalty: 2 / 0.3)
    let golden = ProbeGoldens.logistic03
    for i in 0..<24 {
      let expected = zip(x.row(i), golden.coefficients).reduce(golden.intercept) { $0 + $1.0 * $1.1 }
      #expect(abs(found[i, 1] - found[i, 0] - expected) < 1e-6)
    }
  }

  @Test(arguments: [(30, 80), (80, 30)])
  func logisticEndsWhereItsGradientVanishes(_ extents: (Int, Int)) throws {
    let (x, labels) = try clusters(extents.0, extents.1, classes: 4, distance: 3, seed: 4)
    var probe = MultinomialLogistic()
    probe.tolerance = 1e-18
    let basis = try SpectralBasis(x)
    let fitted = try probe.fit(basis, labels.indices, classCount: 4, penalty: 0.5, groups: nil)
    var residuals = fitted.scores(basis.rows)
    for i in 0..<extents.0 {
      let powers = residuals.row(i).map { exp($0) }
      for c in 0..<4 { residuals[i, c] = powers[c] / powers.reduce(0, +) - (labels.indices[i] == c ? 1 : 0) }
    }
    var gradient = basis.rows.transposedTimes(residuals)
    gradient.add(fitted.weights, times: 0.5)
    #expect(gradient.elements.allSatisfy { abs($0) < 1e-6 })
    #expect(residuals.columnMeans.allSatisfy { abs($0) < 1e-7 })
  }

  @Test func aHigherPenaltyShrinksTheWeights() throws {
    let (x, labels) = try clusters(40, 60, classes: 3, distance: 2, seed: 5)
    let basis = try SpectralBasis(x)
    for probe in [MulticlassRidge(), MultinomialLogistic()] as [any MulticlassProbe] {
      let norms = try [0.01, 0.1, 1, 10, 100].map { penalty in
        let weights = try probe.fit(basis, labels.indices, classCount: 3, penalty: penalty, groups: nil)
          .weights
        return weights.dot(weights)
      }
      #expect(zip(norms, norms.dropFirst()).allSatisfy { $0 > $1 })
    }
  }

  @Test func machinesAreThoseOfTheBinaryProbe() throws {
    let (x, labels) = try clusters(30, 50, classes: 3, distance: 2, seed: 6)
    let found = try scores(OneVersusRest(), x, labels, penalty: 0.02)
    var centred = x
    centred.subtractColumnMeans()
    let kernel = centred.timesTransposed(centred)
    for c in 0..<3 {
      let probe = try HingeSVM(.fixed(0.02)).fit(
        ProbeProblem(kernel: kernel, isPositive: labels.indices.map { $0 == c }))
      #expect(PlantedLayer.distance((0..<30).map { found[$0, c] }, probe.scores(kernel)) < 1e-6)
    }
  }

  @Test func theNearestMeanIsNearest() throws {
    let (x, labels) = try clusters(30, 7, classes: 3, distance: 2, seed: 7)
    let found = try scores(NearestMean(), x, labels, penalty: nil).rowMaxima
    let means = (0..<3).map { c in
      x.selecting(rows: (0..<30).filter { labels.indices[$0] == c }, columns: Array(0..<7)).columnMeans
    }
    for i in 0..<30 {
      let distances = means.map { zip(x.row(i), $0).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } }
      #expect(found[i] == distances.indices.min { distances[$0] < distances[$1] })
    }
  }

  @Test func aClassThatTrainingLacksIsNeverAnswered() throws {
    let (x, labels) = try clusters(30, 10, classes: 3, distance: 2, seed: 8)
    let without = labels.indices.map { $0 == 2 ? 0 : $0 }
    let basis = try SpectralBasis(x)
    for family in ProbeStudy.Family.allCases {
      let fitted = try family.probe(seed: 0).fit(basis, without, classCount: 3, penalty: nil, groups: nil)
      #expect(!fitted.scores(basis.rows).rowMaxima.contains(2), "\(family)")
    }
  }
}

@Suite struct ProbeStudyTests {
  @Test(arguments: [(120, 300), (300, 40)])
  func separatedClassesAreReadOff(_ extents: (Int, Int)) throws {
    let (x, labels) = try clusters(extents.0, extents.1, classes: 3, distance: 12, seed: 10)
    for result in try ProbeStudy(ProbeStudy.Family.allCases).run(
      layer: "conv1", features: x.features, labels: labels)
    {
      #expect(
        result.accuracy > 0.97 && result.balancedAccuracy > 0.97 && result.auc > 0.99, "\(result.family)")
      #expect(result.accuracyInterval[0] <= result.accuracy && result.accuracy <= result.accuracyInterval[1])
      #expect(abs(result.majority - 1.0 / 3) < 1e-9)
      #expect(result.selectivity! > 0.5 && abs(result.controlAccuracy! - 1.0 / 3) < 0.12, "\(result.family)")
      #expect(result.controlUnit == .example && result.controlDraws == 5 && result.folds == 5)
      #expect(result.exampleCount == extents.0 && result.featureCount == extents.1 && result.notes.isEmpty)
      #expect(result.confusion.flatMap { $0 }.reduce(0, +) == extents.0)
      #expect((result.logLossBits != nil) == (result.family == .logistic))
      if let bits = result.logLossBits { #expect(bits < 0.3) }
      let data = try JSONEncoder().encode(result)
      #expect(try JSONDecoder().decode(ProbeStudyResult.self, from: data) == result)
    }
  }

  @Test func noiseHoldsNothing() throws {
    let x = PlantedLayer.noise(200, 400, seed: 11)
    let labels = try ProbeLabels(classes: ["a", "b"], indices: (0..<200).map { $0 % 2 })
    for result in try ProbeStudy([.ridge, .logistic]).run(
      layer: "noise", features: x.features, labels: labels)
    {
      #expect(abs(result.accuracy - 0.5) < 0.12 && abs(result.auc - 0.5) < 0.12)
      #expect(abs(result.selectivity!) < 0.12)
      #expect(abs(result.trainSelectivity!) < 0.1)
      #expect(result.accuracyInterval[0] < 0.55 && result.accuracyInterval[1] > 0.45)
    }
  }

  @Test func aPlantedDirectionIsFoundAsExamplesGrow() throws {
    var accuracies: [Double] = []
    for n in [60, 240, 2000] {
      let x = PlantedLayer.noise(n, 30, seed: 12).rounded
      let indices = (0..<n).map { x[$0, 0] + 2 * x[$0, 1] - x[$0, 2] > 0 ? 1 : 0 }
      let labels = try ProbeLabels(classes: ["below", "above"], indices: indices)
      let result = try ProbeStudy([.logistic]).run(layer: "l", features: x.features, labels: labels)[0]
      accuracies.append(result.accuracy)
      guard n == 2000 else { continue }
      #expect(result.auc > 0.995)
      let basis = try SpectralBasis(x)
      let fitted = try MultinomialLogistic().fit(
        basis, indices, classCount: 2, penalty: result.penalty, groups: nil)
      // The score along each unit vector, less that at the origin, is the weight of the feature.
      var units = Matrix(rowCount: 31, columnCount: 30)
      for j in 0..<30 { units[j, j] = 1 }
      let scores = fitted.scores(basis.project(units))
      let w = (0..<30).map { scores[$0, 1] - scores[$0, 0] - scores[30, 1] + scores[30, 0] }
      let cosine = (w[0] + 2 * w[1] - w[2]) / (6 * w.reduce(0) { $0 + $1 * $1 }).squareRoot()
      #expect(cosine > 0.99)
    }
    #expect(accuracies[0] < accuracies[1] && accuracies[1] < accuracies[2] && accuracies[2] > 0.95)
  }

  /// Whatever is linearly there stays there under an invertible map while the penalty vanishes.
  @Test func anInvertibleMapChangesNothingWithoutPenalty() throws {
    let (x, labels) = try clusters(200, 10, classes: 3, distance: 3, seed: 13)
    let mapped = x.times(PlantedLayer.noise(10, 10, seed: 14))
    var answers: [[Int]] = []
    for matrix in [x, mapped] {
      let basis = try SpectralBasis(matrix)
      let fitted = try MulticlassRidge().fit(
        basis, labels.indices, classCount: 3, penalty: 1e-9 * basis.unit, groups: nil)
      answers.append(fitted.scores(basis.rows).rowMaxima)
    }
    #expect(answers[0] == answers[1])
  }

  @Test func wideAndNarrowRoutesAgree() throws {
    // The same layer with idle features takes the Gram route.
    let (x, labels) = try clusters(90, 20, classes: 3, distance: 3, seed: 15)
    let padded = PlantedLayer.joined(x, Matrix(rowCount: 90, columnCount: 100))
    let study = ProbeStudy([.ridge, .logistic])
    let narrow = try study.run(layer: "l", features: x.features, labels: labels)
    let wide = try study.run(layer: "l", features: padded.features, labels: labels)
    for (a, b) in zip(narrow, wide) {
      #expect(a.confusion == b.confusion && a.controlAccuracy == b.controlAccuracy)
      #expect(abs(a.penalty / b.penalty - 1) < 1e-6 && abs(a.auc - b.auc) < 1e-9)
    }
    let repeats = try (0..<2).map { _ in try study.run(layer: "l", features: x.features, labels: labels) }
    #expect(repeats[0] == repeats[1])
  }

  /// Labels that belong to groups are memorised unless groups stay whole.
  @Test func groupsNeverStandOnBothSides() throws {
    // Forty images of ten patches; patches look alike, the labels of images are random.
    let images = PlantedLayer.noise(40, 50, seed: 16)
    var x = PlantedLayer.noise(400, 50, seed: 17)
    for i in 0..<400 { for j in 0..<50 { x[i, j] = 0.3 * x[i, j] + images[i / 10, j] } }
    let indices = (0..<400).map { ($0 / 10) % 2 }
    let groups = (0..<400).map { $0 / 10 }
    let free = try ProbeLabels(classes: ["a", "b"], indices: indices)
    let bound = try ProbeLabels(classes: ["a", "b"], indices: indices, groups: groups)
    let study = ProbeStudy()
    let leaking = try study.run(layer: "l", features: x.features, labels: free)[0]
    let honest = try study.run(layer: "l", features: x.features, labels: bound)[0]
    #expect(leaking.accuracy > 0.95 && honest.accuracy < 0.75)
    #expect(honest.controlUnit == .group)
    // Whole images are drawn anew: the honest interval is wider.
    #expect(honest.accuracyInterval[1] - honest.accuracyInterval[0] > 0.1)
    var random = RandomNumbers(seed: 1)
    let folds = try ProbeFolds(bound, count: 5, using: &random)
    for group in 0..<40 { #expect(Set((0..<10).map { folds.assignment[group * 10 + $0] }).count == 1) }
    for fold in 0..<5 {
      let (train, test) = folds.split(fold)
      #expect(train.count + test.count == 400 && test.count >= 60 && test.count <= 100)
      #expect(Set(test.map { indices[$0] }).count == 2)
    }
    // Types recur on both sides: a probe that can memorise them is not selective.
    let typed = try ProbeLabels(classes: ["a", "b"], indices: indices, types: groups)
    let memorised = try study.run(layer: "l", features: x.features, labels: typed)[0]
    #expect(
      memorised.controlUnit == .type && memorised.controlAccuracy! > 0.9 && memorised.selectivity! < 0.1)
  }

  @Test func foldsHoldTheSharesOfClasses() throws {
    let labels = try ProbeLabels((0..<103).map { $0 % 10 == 0 ? "rare" : "common" })
    #expect(labels.classes == ["common", "rare"])
    var random = RandomNumbers(seed: 3)
    let folds = try ProbeFolds(labels, count: 5, using: &random)
    for fold in 0..<5 {
      let test = folds.split(fold).test
      #expect(test.count >= 20 && test.count <= 21)
      let rare = test.count { labels.indices[$0] == 1 }
      #expect(rare >= 2 && rare <= 3)
    }
  }

  @Test func tooManyExamplesAreSampled() throws {
    let (x, labels) = try clusters(300, 400, classes: 3, distance: 12, seed: 18)
    var study = ProbeStudy()
    study.maximumExamples = 90
    let result = try study.run(layer: "l", features: x.features, labels: labels)[0]
    #expect(result.exampleCount == 90 && result.notes == ["90 of 300 examples, sampled by class"])
    #expect(result.accuracy > 0.9 && result.confusion.map { $0.reduce(0, +) } == [30, 30, 30])
  }

  @Test func aConstantLayerGivesTheMajority() throws {
    let constant = Matrix(rowCount: 50, columnCount: 4, elements: Array(repeating: 0.1, count: 200))
    let labels = try ProbeLabels((0..<50).map { $0 % 5 == 0 ? "rare" : "common" })
    for features in [
      constant, Matrix(rowCount: 50, columnCount: 60, elements: Array(repeating: 0.1, count: 3000)),
    ] {
      for result in try ProbeStudy([.ridge, .logistic, .supportVector]).run(
        layer: "l", features: features.features, labels: labels)
      {
        #expect(
          result.accuracy == 0.8 && result.majority == 0.8 && result.balancedAccuracy == 0.5,
          "\(result.family)")
        #expect(result.notes.count == 1)
      }
    }
  }

  @Test func unsuitableLabelsAreNamed() throws {
    let x = try PlantedLayer.noise(20, 5, seed: 19).features
    func failure(_ labels: ProbeLabels) -> String {
      do {
        _ = try ProbeStudy().run(layer: "fc", features: x, labels: labels)
        return ""
      } catch { return "\(error)" }
    }
    #expect(failure(try ProbeLabels(Array(repeating: "cat", count: 20))).contains("class 'cat'"))
    let rare = failure(try ProbeLabels((0..<20).map { $0 < 3 ? "dog" : "cat" }))
    #expect(rare.contains("fc: class 'dog'") && rare.contains("3 examples"))
    let grouped = failure(
      try ProbeLabels(
        (0..<20).map { $0 < 10 ? "dog" : "cat" }, groups: (0..<20).map { $0 < 10 ? $0 / 5 : $0 }))
    #expect(grouped.contains("class 'dog' is in 2 groups"))
    #expect(failure(try ProbeLabels(["a", "b"])).contains("2 labels for 20 examples"))
    #expect(throws: ConceptError.self) { try ProbeLabels(classes: ["a"], indices: [0, 1]) }
    #expect(throws: ConceptError.self) { try ProbeLabels(["a", "b"], groups: [1]) }
  }
}

@Suite struct ControlTaskTests {
  @Test func labelsOfUnitsAreShuffled() throws {
    let indices = (0..<120).map { ($0 / 4) % 3 }
    let units = (0..<120).map { $0 / 4 }
    let classes = ["a", "b", "c"]
    for labels in [
      try ProbeLabels(classes: classes, indices: indices),
      try ProbeLabels(classes: classes, indices: indices, groups: units),
      try ProbeLabels(classes: classes, indices: indices, types: units),
    ] {
      var random = RandomNumbers(seed: 7)
      let folds = try ProbeFolds(labels, count: 5, using: &random)
      let tasks = (0..<20).map { _ in labels.controlTask(folds, using: &random) }
      for task in tasks {
        #expect(ProbeLabels.counts(task, 3) == [40, 40, 40])
        if labels.controlUnit != .example {
          for unit in 0..<30 { #expect(Set(task[(unit * 4)..<(unit * 4 + 4)]).count == 1) }
        }
        if labels.controlUnit != .type {
          for fold in 0..<5 {
            let test = folds.split(fold).test
            #expect(
              ProbeLabels.counts(test.map { task[$0] }, 3) == ProbeLabels.counts(test.map { indices[$0] }, 3))
          }
        }
      }
      // A third agrees with the task by chance.
      let agreement = tasks.map { Double(zip($0, indices).count { $0 == $1 }) / 120 }
      #expect(abs(Statistics.mean(agreement) - 1.0 / 3) < 0.08)
      #expect(Set(tasks).count == 20)
    }
  }
}
