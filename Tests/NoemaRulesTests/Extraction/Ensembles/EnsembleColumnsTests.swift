import Foundation
import NoemaTensor
import Testing

@testable import NoemaRules

@Suite struct EnsembleColumnsTests {
  @Test func clausesThatSayTheSameStayOnce() throws {
    let table = try RuleTable(
      features: PlantedTables.named(2), rows: (0..<10).map { [Double($0), Double(-$0)] })
    let clauses: [Clause] = [
      Clause([.above(0, 4.5), .atMost(1, -4.5)]), Clause([.above(0, 4.5)]),
      // The same rows, the opposite rows, all rows, no row, and the first one again.
      Clause([.above(0, 4.2)]), Clause([.atMost(0, 4.5)]), Clause([.above(0, -1)]), Clause([.above(0, 20)]),
      Clause([.above(0, 4.5)]), Clause([.above(0, 7.5)]), Clause([.atMost(0, 1.5)]),
    ]
    let columns = EnsembleColumns(clauses, lines: [], of: table, limit: 100)
    #expect(columns.clauses == [clauses[1], clauses[7], clauses[8]])
    #expect(columns.shares == [0.5, 0.2, 0.2] && !columns.isCut)
    let cut = EnsembleColumns(clauses, lines: [], of: table, limit: 2)
    #expect(cut.clauses == [clauses[1], clauses[7]] && cut.isCut)
  }

  @Test func linesAreTrimmedAndCentred() throws {
    let features: [Feature] = [
      Feature("x"), Feature("same"), Feature("none"), Feature("c", kind: .categorical(levels: ["p", "q"])),
    ]
    let table = try RuleTable(
      features: features, rows: (0..<40).map { [$0 == 39 ? 1e6 : Double($0), 3, .nan, Double($0 % 2)] })
    let lines = AdditiveRules.LinearTerm.lines(table, trim: 0.05)
    #expect(lines.map { $0.feature } == [0])
    // Two values on either side count as the bound.
    let inside = (0..<40).map { min(37, max(2, Double($0))) }
    #expect(lines[0].lower == 2 && lines[0].upper == 37)
    #expect(abs(lines[0].centre - Statistics.mean(inside)) < 1e-12)
    // The examples are all there is, as for a rule that fires on a share of them.
    let deviation = Statistics.standardDeviation(inside) * (39.0 / 40).squareRoot()
    #expect(abs(lines[0].deviation - deviation) < 1e-12)
    #expect(lines[0].value(1e9) == 37 - lines[0].centre && lines[0].value(.nan) == 0)
  }

  /// Products over bits are those over columns written out.
  @Test func momentsAreThoseOfColumnsWrittenOut() throws {
    let table = try PlantedTables.mixed(150, seed: 1)
    var random = RandomNumbers(seed: 2)
    let target = (0..<150).map { _ in random.normal() }
    let clauses: [Clause] = [
      Clause([.above(0, 1)]), Clause([.isIn(2, [0])]), Clause([.atMost(1, 4), .above(3, 0)]),
      Clause([.isMissing(1)]),
    ]
    let columns = EnsembleColumns(
      clauses, lines: AdditiveRules.LinearTerm.lines(table, trim: 0.025), of: table, limit: 100)
    #expect(columns.clauses == clauses && columns.lines.map { $0.feature } == [0, 1])
    var written = clauses.map { clause in (0..<150).map { clause.holds(row: $0, of: table) ? 1.0 : 0 } }
    for line in columns.lines {
      written.append(table.column(line.feature).map { 0.4 / line.deviation * line.value($0) })
    }
    let (found, expected) = (
      columns.moments(table, target: target), LeastSquaresMoments(columns: written, target: target)
    )
    func isNear(_ a: [Double], _ b: [Double]) -> Bool {
      a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) < 1e-9 }
    }
    #expect(isNear(found.products, expected.products) && isNear(found.sums, expected.sums))
    #expect(isNear(found.targetProducts, expected.targetProducts))
    // Numbers have the deviation of a rule.
    for line in 4..<6 { #expect(abs(expected.covariances[line * 7].squareRoot() - 0.4) < 0.02) }
  }
}
