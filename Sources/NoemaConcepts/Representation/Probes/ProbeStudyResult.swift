/// What one family of probes finds in a layer.
public struct ProbeStudyResult: Sendable, Codable, Hashable {
  /// What shares a label in a control task.
  public enum ControlUnit: String, Sendable, Codable {
    /// Each example has a label of its own: held-out accuracy is chance, and memorisation tells.
    case example
    /// Examples of a group share a label; groups are never on both sides, so held-out accuracy is chance.
    case group
    /// Examples of a type share a label, and types recur on both sides.
    case type
  }

  /// The layer.
  public let layer: String
  /// The kind of probe.
  public let family: ProbeStudy.Family
  /// The names of the classes.
  public let classes: [String]
  /// The number of examples used.
  public let exampleCount: Int
  /// The number of features.
  public let featureCount: Int
  /// How features were pooled before, in the caller's words.
  public let pooling: String?
  /// The number of folds.
  public let folds: Int
  /// The share of held-out examples whose class is found.
  public let accuracy: Double
  /// The 95 % bootstrap interval of the accuracy over examples, or over groups where there are any.
  public let accuracyInterval: [Double]
  /// The accuracy on each fold.
  public let foldAccuracies: [Double]
  /// The mean over classes of the share found.
  public let balancedAccuracy: Double
  /// The mean over classes of the area under the ROC curve of each against the rest, averaged over folds.
  public let auc: Double
  /// The mean of `−log₂ p` of the true class on held-out examples; logistic only.
  public let logLossBits: Double?
  /// How often each class (row) is taken for each (column).
  public let confusion: [[Int]]
  /// The share of the largest class: the accuracy of always answering it.
  public let majority: Double
  /// The accuracy on the examples that the probes were trained on.
  public let trainAccuracy: Double
  /// The penalty of each fold: λ for ridge and logistic, the cost `C` for the machine, 0 for none.
  public let penalties: [Double]
  /// The median of `penalties`.
  public let penalty: Double
  /// What shares a label in the control task, which the same probes fit with the same penalties.
  public let controlUnit: ControlUnit
  /// How many random labellings were drawn.
  public let controlDraws: Int
  /// The mean held-out accuracy on random labels; nil, as all that follows, when none were drawn.
  public let controlAccuracy: Double?
  /// The standard deviation of the held-out accuracy over labellings.
  public let controlStandardDeviation: Double?
  /// The mean accuracy on random labels of training examples: what the probe can memorise.
  public let controlTrainAccuracy: Double?
  /// The held-out accuracy minus that on random labels.
  public let selectivity: Double?
  /// The training accuracy minus that on random labels: 0 for a probe that can memorise any labels.
  public let trainSelectivity: Double?
  /// What is special about the result, such as a sample taken of too many examples.
  public let notes: [String]
}
