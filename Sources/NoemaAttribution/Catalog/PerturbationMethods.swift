internal import NoemaGraph

extension MethodDescription {
  static let perturbation: [MethodDescription] = [
    MethodDescription(
      "occlusion", .perturbation, "What hiding a window costs.", paper: "Zeiler and Fergus 2014",
      needs: "a baseline (--baseline)",
      cost: "windows × 1 forward"
    ) { Occlusion(window: $0.window, stride: $0.stride, baseline: $0.baseline) },
    MethodDescription(
      "feature-ablation", .perturbation, "What the absence of an element or a group costs.",
      paper: "Li et al. 2016",
      needs: "a baseline (--baseline)", cost: "groups × 1 forward"
    ) { FeatureAblation(groups: $0.ablationGroups, baseline: $0.baseline) },
    MethodDescription(
      "feature-permutation", .perturbation, "What values of other examples cost.",
      paper: "Fisher et al. 2019",
      needs: "several examples", cost: "groups × samples × 1 forward"
    ) { FeaturePermutation(groups: $0.ablationGroups, samples: $0.samples ?? 10, seed: $0.seed) },
    MethodDescription(
      "rise", .perturbation, "The mean output over random masks that keep a pixel.",
      paper: "Petsiuk et al. 2018",
      needs: "images", cost: "4000 × 1 forward"
    ) { RISE(samples: $0.samples ?? 4_000, baseline: $0.baseline, seed: $0.seed) },
    MethodDescription(
      "fido-ssr", .perturbation, "The smallest region that suffices.", paper: "Chang et al. 2019",
      needs: "images",
      cost: "2400 × (1 forward, 1 backward)"
    ) { FIDO(region: .sufficient, samples: $0.samples ?? 8, seed: $0.seed) },
    MethodDescription(
      "fido-sdr", .perturbation, "The smallest region whose loss destroys the output.",
      paper: "Chang et al. 2019",
      needs: "images", cost: "2400 × (1 forward, 1 backward)"
    ) { FIDO(region: .destroying, samples: $0.samples ?? 8, seed: $0.seed) },
    MethodDescription(
      "meaningful-perturbation", .perturbation, "A smooth mask that deletes the evidence.",
      paper: "Fong and Vedaldi 2017", needs: "images", cost: "300 × (1 forward, 1 backward)"
    ) { MeaningfulPerturbation(seed: $0.seed) },
    MethodDescription(
      "extremal-perturbation", .perturbation, "The mask of a given area that keeps most.",
      paper: "Fong et al. 2019",
      needs: "images", cost: "800 × (1 forward, 1 backward)"
    ) { ExtremalPerturbation(mirrors: $0.mirrors) },
    MethodDescription(
      "perceptual-ball", .perturbation,
      "The smallest change that alters the decision, near in hidden layers too.",
      paper: "Elliott et al. 2021", needs: "one input, with gradients",
      cost: "about 200 × (1 forward, 1 backward)"
    ) { _ in PerceptualBall() },
  ]
}
