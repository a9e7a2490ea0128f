internal import NoemaGraph

extension MethodDescription {
  static let differences: [MethodDescription] = [
    MethodDescription(
      "deeplift", .differences, "Contributions to the difference from a baseline; complete.",
      paper: "Shrikumar et al. 2017", needs: "a baseline (--baseline)", cost: "2 forward, 1 backward"
    ) { DeepLIFT(baseline: $0.baseline) },
    MethodDescription(
      "deeplift-reveal-cancel", .differences, "The same; parts that cancel within a unit both count.",
      paper: "Shrikumar et al. 2017", needs: "a baseline (--baseline)", cost: "3 forward, 2 backward"
    ) { DeepLIFT(baseline: $0.baseline, rule: .revealCancel) },
    MethodDescription(
      "deeplift-reveal-cancel-dense", .differences,
      "The same behind dense layers, secants behind convolutions.", paper: "Shrikumar et al. 2017",
      needs: "a baseline (--baseline)", cost: "2 forward, 1 backward"
    ) { DeepLIFT(baseline: $0.baseline, rule: .revealCancelDense) },
    MethodDescription(
      "deep-shap", .differences, "Mean of DeepLIFT over a reference set; complete.",
      paper: "Lundberg and Lee 2017", needs: "references (--references)",
      cost: "references × (2 forward, 1 backward)"
    ) { settings throws(GraphError) in
      guard !settings.references.isEmpty else {
        throw GraphError(.input("deep-shap needs a reference set; give one with --references"))
      }
      return DeepSHAP(baselines: settings.references)
    },
  ]
}
