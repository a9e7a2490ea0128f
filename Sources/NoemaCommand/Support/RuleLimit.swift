internal import ArgumentParser
internal import Foundation
internal import Noema

/// How many rules are written.
enum RuleLimit: ExpressibleByArgument {
  /// At most so many.
  case count(Int)
  /// The fewest within one standard error of the best on the curve.
  case best
  /// The knee of the curve.
  case knee
  /// As many as the method finds.
  case unlimited

  init?(argument: String) {
    switch argument {
    case "best": self = .best
    case "knee": self = .knee
    case "none": self = .unlimited
    default:
      guard let count = Int(argument), count >= 1 else { return nil }
      self = .count(count)
    }
  }

  /// What a record calls it.
  var name: String {
    switch self {
    case .count(let count): "\(count)"
    case .best: "best"
    case .knee: "knee"
    case .unlimited: "none"
    }
  }

  /// Whether the limit was asked for, and not chosen by the curve.
  var isAsked: Bool {
    switch self {
    case .best, .knee: false
    case .count, .unlimited: true
    }
  }

  /// The most rules; nil for what the method finds.
  func chosen(by curve: (curve: FidelitySizeCurve, limits: [String: Int])?) -> Int? {
    switch self {
    case .count(let count): return count
    case .unlimited: return nil
    case .best, .knee:
      guard let (curve, limits) = curve else { return nil }
      let chosen = if case .knee = self { curve.knee } else { curve.smallestWithinError }
      return chosen.flatMap { limits[curve.points[$0].name] }
    }
  }

  /// The sizes that are tried for a curve.
  static func sizes(_ curve: String) throws -> [Int] {
    if curve == "none" { return [] }
    let parts = curve.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
    guard numbers.count == parts.count, numbers.allSatisfy({ (1...100_000).contains($0) }) else {
      throw ValidationError("--curve expects sizes with commas between, or none, found '\(curve)'.")
    }
    return Set(numbers).sorted()
  }
}
