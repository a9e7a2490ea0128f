import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct LassoTests {
  /// Columns of a Hadamard matrix are orthogonal to each other and to the constant.
  private static func hadamard(_ power: Int) -> [[Double]] {
    (1..<(1 << power)).map { column in
      (0..<(1 << power)).map { row in (row & column).nonzeroBitCount % 2 == 0 ? 1 : -1 }
    }
  }

  private struct Design {
    var columns: [[Double]]
    var target: [Double]
    var moments: LeastSquaresMoments { LeastSquaresMoments(columns: columns, target: target) }
  }

  /// Correlated columns of different scales, one of them constant, and a target of three of them with noise.
  private static func design(_ seed: UInt64, rows: Int = 120) -> Design {
    var random = RandomNumbers(seed: seed)
    let common = (0..<rows).map { _ in random.normal() }
    var columns = (0..<7).map { column -> [Double] in
      common.map { value -> Double in
        let mixed = 0.6 * value + random.normal()
        return Double(column + 1) * mixed + Double(column)
      }
    }
    columns.append([Double](repeating: 2, count: rows))
    let target = (0..<rows).map { row -> Double in
      let signal = 1.5 * columns[0][row] - 0.5 * columns[2][row] + 0.1 * columns[6][row]
      return 4 + signal + 0.5 * random.normal()
    }
    return Design(columns: columns, target: target)
  }

  // MARK: Closed forms

  /// On an orthonormal design each coefficient is the plain one, moved to 0 by the penalty.
  @Test(arguments: [0, 0.1, 0.5, 1.2]) func orthonormalSolutionsAreSoftThresholds(_ penalty: Double) {
    let columns = LassoTests.hadamard(4)
    var random = RandomNumbers(seed: 1)
    let target = (0..<16).map { _ in 3 + 2 * random.normal() }
    let solution = Lasso().path(LeastSquaresMoments(columns: columns, target: target), penalties: [penalty])
      .solutions[0]
    for (column, found) in zip(columns, solution.coefficients) {
      let plain = zip(column, target).reduce(0) { $0 + $1.0 * $1.1 } / 16
      let expected = plain > penalty ? plain - penalty : plain < -penalty ? plain + penalty : 0
      #expect(abs(found - expected) < 1e-9)
    }
    #expect(abs(solution.intercept - Statistics.mean(target)) < 1e-9 && solution.isConverged)
  }

  @Test func aSingleColumnIsDividedByItsVariance() {
    let x: [Double] = [0, 1, 2, 3, 7], y: [Double] = [1, 0, 4, 2, 9]
    let (mx, my) = (Statistics.mean(x), Statistics.mean(y))
    // The objective is a mean over the examples, so both moments are too.
    let covariance = zip(x, y).reduce(0) { $0 + ($1.0 - mx) * ($1.1 - my) } / 5
    let variance = x.reduce(0) { $0 + ($1 - mx) * ($1 - mx) } / 5
    for penalty in [0, 0.3, 2] {
      let solution = Lasso().path(LeastSquaresMoments(columns: [x], target: y), penalties: [penalty])
        .solutions[0]
      let expected = (covariance - penalty) / variance
      #expect(abs(solution.coefficients[0] - expected) < 1e-9)
      #expect(abs(solution.intercept - (my - expected * mx)) < 1e-9)
    }
  }

  // MARK: Optimality

  /// The conditions of Karush, Kuhn and Tucker: the covariance of a column with what is left is the penalty times the
  /// coefficient's sign, and no more than the penalty where it is 0.
  @Test(arguments: [1, 2, 3, 4] as [UInt64]) func solutionsSatisfyTheOptimalityConditions(_ seed: UInt64) {
    let design = LassoTests.design(seed)
    let moments = design.moments
    let path = Lasso().path(moments, penalties: Lasso().penalties(moments))
    #expect(path.solutions.count == 50 && !path.isCut)
    for solution in path.solutions {
      #expect(solution.isConverged)
      let rest = design.target.indices.map { row in
        design.columns.indices.reduce(design.target[row] - solution.intercept) {
          $0 - solution.coefficients[$1] * design.columns[$1][row]
        }
      }
      #expect(abs(Statistics.mean(rest)) < 1e-8)
      for (column, coefficient) in zip(design.columns, solution.coefficients) {
        let slope = zip(column, rest).reduce(0) { $0 + $1.0 * $1.1 } / Double(rest.count)
        if coefficient == 0 {
          #expect(abs(slope) <= solution.penalty + 1e-6)
        } else {
          #expect(abs(slope - (coefficient > 0 ? 1 : -1) * solution.penalty) < 1e-6)
        }
      }
      let error = Statistics.mean(rest.map { $0 * $0 })
      #expect(
        abs(moments.meanSquaredError(solution.intercept, solution.coefficients) - error) < 1e-8 * (1 + error))
      // A constant column has no use.
      #expect(solution.coefficients[7] == 0)
    }
  }

  @Test func thePathBeginsWhereNothingIsLeft() {
    let moments = LassoTests.design(5).moments
    let penalties = Lasso().penalties(moments)
    #expect(penalties.count == 50 && abs(penalties[49] / penalties[0] - 1e-3) < 1e-12)
    let ratios = zip(penalties, penalties.dropFirst()).map { $1 / $0 }
    #expect(ratios.allSatisfy { abs($0 - ratios[0]) < 1e-12 })
    let around = Lasso().path(moments, penalties: [penalties[0], 0.999 * penalties[0]]).solutions
    #expect(around[0].termCount == 0 && around[1].termCount == 1)
    // Each objective is the least of all solutions' for its penalty.
    func objective(_ solution: Lasso.Solution, _ penalty: Double) -> Double {
      moments.meanSquaredError(solution.intercept, solution.coefficients) / 2
        + penalty * solution.coefficients.reduce(0) { $0 + abs($1) }
    }
    let solutions = Lasso().path(moments, penalties: penalties).solutions
    for own in solutions {
      #expect(solutions.allSatisfy { objective(own, own.penalty) <= objective($0, own.penalty) + 1e-9 })
    }
  }

  @Test func aConstantTargetHasNoTerms() {
    let moments = LeastSquaresMoments(columns: [[1, 2, 3]], target: [5, 5, 5])
    #expect(Lasso().penalties(moments) == [0])
    let solution = Lasso().path(moments, penalties: [0]).solutions[0]
    #expect(solution.coefficients == [0] && solution.intercept == 5)
  }

  @Test func pathsEndAtTheLimit() {
    let moments = LassoTests.design(6).moments
    let penalties = Lasso().penalties(moments)
    let path = Lasso().path(moments, penalties: penalties, termLimit: 2)
    #expect(path.isCut && path.solutions.allSatisfy { $0.termCount <= 2 })
    let whole = Lasso().path(moments, penalties: penalties)
    #expect(
      path.solutions.map(\.coefficients) == whole.solutions.prefix(path.solutions.count).map(\.coefficients))
    #expect(whole.solutions[path.solutions.count].termCount > 2)
  }

  // MARK: Moments

  @Test func momentsAreThoseOfTheColumns() {
    let design = LassoTests.design(7)
    let moments = design.moments
    for i in 0..<8 {
      let mean = Statistics.mean(design.columns[i])
      for j in 0..<8 {
        let other = Statistics.mean(design.columns[j])
        let expected =
          zip(design.columns[i], design.columns[j]).reduce(0) { $0 + ($1.0 - mean) * ($1.1 - other) } / 120
        #expect(abs(moments.covariances[i * 8 + j] - expected) < 1e-9 * 100)
      }
    }
    #expect(abs(moments.targetVariance - Statistics.variance(design.target) * 119 / 120) < 1e-9 * 100)
    // Parts add to the whole, and what is taken away is gone.
    func part(_ rows: Range<Int>) -> LeastSquaresMoments {
      LeastSquaresMoments(columns: design.columns.map { Array($0[rows]) }, target: Array(design.target[rows]))
    }
    var sum = part(0..<50)
    sum.add(part(50..<120))
    let rest = moments.subtracting(part(0..<50)), direct = part(50..<120)
    func isNear(_ a: [Double], _ b: [Double]) -> Bool {
      zip(a, b).allSatisfy { abs($0 - $1) < 1e-9 * (1 + abs($1)) }
    }
    #expect(isNear(sum.products, moments.products) && sum.count == 120)
    #expect(isNear(rest.products, direct.products) && isNear(rest.targetProducts, direct.targetProducts))
    #expect(
      rest.count == 70
        && isNear([rest.targetSquares, rest.targetSum], [direct.targetSquares, direct.targetSum]))
  }

  // MARK: Choice

  /// The errors are those of solutions from all parts but one, computed row by row.
  @Test func thePenaltyIsTheBestOnLeftOutParts() {
    let design = LassoTests.design(8)
    let parts = (0..<5).map { part in (0..<120).filter { $0 % 5 == part } }
    func moments(_ rows: [Int]) -> LeastSquaresMoments {
      LeastSquaresMoments(
        columns: design.columns.map { column in rows.map { column[$0] } },
        target: rows.map { design.target[$0] })
    }
    let choice = Lasso().choose(parts.map(moments))
    let penalties = choice.path.solutions.map(\.penalty)
    var (errors, squares) = (penalties.map { _ in 0.0 }, penalties.map { _ in 0.0 })
    for part in parts {
      let others = (0..<120).filter { !part.contains($0) }
      for (place, solution) in Lasso().path(moments(others), penalties: penalties).solutions.enumerated() {
        let error = Statistics.mean(
          part.map { row in
            let found = design.columns.indices.reduce(solution.intercept) {
              $0 + solution.coefficients[$1] * design.columns[$1][row]
            }
            return (found - design.target[row]) * (found - design.target[row])
          })
        errors[place] += error / 5
        squares[place] += error * error / 5
      }
    }
    #expect(zip(choice.errors, errors).allSatisfy { abs($0 - $1) < 1e-8 * (1 + $1) })
    let best = errors.indices.min { errors[$0] < errors[$1] }!
    #expect(choice.chosen == best)
    // A greater penalty within a standard error of the least.
    let slack = ((squares[best] - errors[best] * errors[best]) / 4).squareRoot()
    let careful = Lasso().choose(parts.map(moments), standardErrors: 1)
    #expect(careful.chosen == errors.firstIndex { $0 <= errors[best] + slack } && careful.chosen <= best)
    #expect(Lasso().choose([moments(Array(0..<120))]).chosen == 49)
  }
}
