/// How well scores separate two classes.
public enum Classification {
  /// The area under the ROC curve: the chance that a positive scores above a negative, ties counting half
  /// (Mann-Whitney with mid-ranks); 0.5 when a class is missing.
  public static func areaUnderROC(scores: [Double], isPositive: [Bool]) -> Double {
    precondition(scores.count == isPositive.count)
    let order = scores.indices.sorted { scores[$0] < scores[$1] }
    var rankSum = 0.0
    var start = 0
    while start < order.count {
      var end = start + 1
      while end < order.count, scores[order[end]] == scores[order[start]] { end += 1 }
      let rank = Double(start + end + 1) / 2
      for position in start..<end where isPositive[order[position]] { rankSum += rank }
      start = end
    }
    let positives = Double(isPositive.count { $0 })
    let negatives = Double(isPositive.count) - positives
    guard positives > 0, negatives > 0 else { return 0.5 }
    return (rankSum - positives * (positives + 1) / 2) / (positives * negatives)
  }

  /// The mean of sensitivity and specificity of the decision `score > 0`; 0.5 when a class is missing.
  public static func balancedAccuracy(scores: [Double], isPositive: [Bool]) -> Double {
    precondition(scores.count == isPositive.count)
    var (hits, positives, rejections, negatives) = (0, 0, 0, 0)
    for (score, positive) in zip(scores, isPositive) {
      if positive {
        positives += 1
        if score > 0 { hits += 1 }
      } else {
        negatives += 1
        if score <= 0 { rejections += 1 }
      }
    }
    guard positives > 0, negatives > 0 else { return 0.5 }
    return (Double(hits) / Double(positives) + Double(rejections) / Double(negatives)) / 2
  }
}
