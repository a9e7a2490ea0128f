internal import Foundation
internal import NoemaGraph
internal import NoemaTensor

/// What a network's output means: how class probabilities are made of its scores.
struct TableScores: Sendable {
  /// What the scores are.
  enum Scale: Sendable {
    /// The softmax of them, or of one the logistic function, are probabilities.
    case logits
    /// Probabilities; divided by their sum where they are those of independent classes.
    case probabilities
    /// Logarithms of probabilities.
    case logProbabilities
    /// Probabilities if all rows are, else logits: the end of the graph does not tell.
    case byValues
  }

  /// The output's ONNX name.
  let name: String
  /// The number of scores of an example.
  let width: Int
  let scale: Scale

  /// Finds the output to read.
  ///
  /// - Throws: `RuleError` when there is no such output, or it does not fit the classes.
  init(_ graph: Graph, output: String?, classCount: Int) throws(RuleError) {
    let names = graph.outputs.map { graph.displayName(of: $0) }
    let chosen =
      output.map { name in graph.outputs.first { graph.names(of: $0).contains(name) } } ?? graph.mainOutput
    guard let value = chosen else {
      let asked = output.map { "no output named '\($0)'" } ?? "the network has no output"
      throw RuleError(.malformed("\(asked); its outputs are \(names)"))
    }
    name = graph.displayName(of: value)
    let shape = graph.type(of: value).shape
    let isTable = shape.count == 1 || shape.count >= 2 && shape.dropFirst(2).allSatisfy { $0 == 1 }
    guard isTable, graph.type(of: value).element.isFloat, shape.count == 1 || shape[1] > 0 else {
      throw RuleError(
        .malformed(
          "it is \(graph.type(of: value).description) for one example, expected scores [N, classes] or [N]; "
            + "name another output"),
        at: "output '\(name)'")
    }
    width = shape.count == 1 ? 1 : shape[1]
    // One score is that of the second of two classes.
    let expected = width == 1 ? 2 : width
    guard classCount == expected else {
      throw RuleError(
        .count(
          what:
            "class name\(classCount == 1 ? "" : "s") for the network's \(width) score\(width == 1 ? "" : "s")",
          found: classCount, expected: expected),
        at: "output '\(name)'")
    }
    scale = TableScores.scale(graph, value)
  }

  /// How the graph ends.
  private static func scale(_ graph: Graph, _ output: Value) -> Scale {
    let producers = graph.producers()
    var value = output
    while let index = producers[value] {
      let node = graph.nodes[index]
      switch node.operation {
      case is Reshape, is Cast:
        value = node.operands[0]
      case let softmax as Softmax:
        return softmax.isLogarithmic ? .logProbabilities : .probabilities
      case let unary as Unary where unary.function == .sigmoid:
        return .probabilities
      default:
        let role = node.operation.relevanceRole
        return role == .linear || role == .addition ? .logits : .byValues
      }
    }
    return .byValues
  }

  /// The probabilities of all classes, row after row.
  ///
  /// - Parameter scores: `width` a row, finite.
  func probabilities(_ scores: [Double]) -> [Double] {
    var scale = scale
    if case .byValues = scale { scale = areProbabilities(scores) ? .probabilities : .logits }
    if width == 1 {
      return scores.flatMap { score in
        let p: Double =
          switch scale {
          case .logits: 1 / (1 + exp(-score))
          case .logProbabilities: min(1, exp(score))
          case .probabilities, .byValues: min(max(score, 0), 1)
          }
        return [1 - p, p]
      }
    }
    var result = scores
    for row in 0..<(scores.count / width) {
      let range = row * width..<(row + 1) * width
      // The largest is subtracted, so that no power overflows and not all vanish.
      let largest = scores[range].max() ?? 0
      for index in range {
        switch scale {
        case .logits, .logProbabilities: result[index] = exp(scores[index] - largest)
        case .probabilities, .byValues: result[index] = max(0, scores[index])
        }
      }
      let sum = result[range].reduce(0, +)
      for index in range { result[index] = sum > 0 ? result[index] / sum : 1 / Double(width) }
    }
    return result
  }

  private func areProbabilities(_ scores: [Double]) -> Bool {
    guard scores.allSatisfy({ $0 >= -1e-6 && $0 <= 1 + 1e-6 }) else { return false }
    return width == 1
      || (0..<(scores.count / width)).allSatisfy { row in
        abs(scores[row * width..<(row + 1) * width].reduce(0, +) - 1) <= 1e-3
      }
  }
}
