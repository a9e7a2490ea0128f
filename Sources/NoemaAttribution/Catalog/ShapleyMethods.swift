internal import NoemaGraph

extension MethodDescription {
  static let shapley: [MethodDescription] = [
    MethodDescription(
      "shapley", .shapley, "Exact Shapley values of few features.",
      paper: "Shapley 1953; Štrumbelj and Kononenko 2014",
      needs: "--baseline or --references", cost: "2^features × references × 1 forward"
    ) { ExactShapley($0.game) },
    MethodDescription(
      "shapley-sampling", .shapley, "Shapley values from drawn orders, with their errors.",
      paper: "Castro et al. 2009; Mitchell et al. 2022", needs: "--baseline or --references",
      cost: "128 × features × 1 forward"
    ) { ShapleySampling($0.game, permutations: $0.samples ?? 64, seed: $0.seed) },
    MethodDescription(
      "kernel-shap", .shapley, "Shapley values by weighted least squares.", paper: "Lundberg and Lee 2017",
      needs: "--baseline or --references", cost: "(2 features + 2048) × references × 1 forward"
    ) { KernelSHAP($0.game, samples: $0.samples, seed: $0.seed) },
    MethodDescription(
      "dasp", .shapley, "Shapley values by moments carried through the layers.", paper: "Ancona et al. 2019",
      needs: "a baseline (--baseline); rectifiers, pooling and linear layers",
      cost: "features × coalition sizes × 1 forward of moments"
    ) { DASP(groups: FeatureGroups(masks: $0.groups), baseline: $0.baseline) },
  ]
}
