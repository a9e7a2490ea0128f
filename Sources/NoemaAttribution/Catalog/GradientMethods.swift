internal import NoemaGraph

extension MethodDescription {
  private static let biasPass = "1 forward, 2 backward"

  static let gradients: [MethodDescription] = [
    MethodDescription(
      "gradient", .gradients, "Sensitivity of the output to each element.",
      paper: "Simonyan et al. 2013", cost: onePass
    ) { _ in Gradient() },
    MethodDescription(
      "gradient-absolute", .gradients, "Sensitivity without its sign.", paper: "Simonyan et al. 2013",
      cost: onePass
    ) { _ in Gradient(form: .absolute) },
    MethodDescription(
      "gradient-squared", .gradients, "Sensitivity squared.", paper: "Montavon et al. 2018", cost: onePass
    ) { _ in Gradient(form: .squared) },
    MethodDescription(
      "gradient-x-input", .gradients, "First-order share of each element in the output.",
      paper: "Shrikumar et al. 2016", cost: onePass
    ) { _ in GradientTimesInput() },
    MethodDescription(
      "smoothgrad", .gradients, "Mean gradient at noisy copies.", paper: "Smilkov et al. 2017",
      cost: "samples × (1 forward, 1 backward)"
    ) { SmoothGrad(samples: $0.samples ?? 50, noise: $0.noise, seed: $0.seed) },
    MethodDescription(
      "smoothgrad-squared", .gradients, "Mean squared gradient at noisy copies.", paper: "Hooker et al. 2019",
      cost: "samples × (1 forward, 1 backward)"
    ) { SmoothGrad(samples: $0.samples ?? 50, noise: $0.noise, statistic: .meanSquare, seed: $0.seed) },
    MethodDescription(
      "vargrad", .gradients, "Variance of the gradient at noisy copies.", paper: "Adebayo et al. 2018",
      cost: "samples × (1 forward, 1 backward)"
    ) { SmoothGrad(samples: $0.samples ?? 50, noise: $0.noise, statistic: .variance, seed: $0.seed) },
    MethodDescription(
      "integrated-gradients", .gradients, "Gradients summed along the way from a baseline; complete.",
      paper: "Sundararajan et al. 2017", needs: "a baseline (--baseline)",
      cost: "steps × (1 forward, 1 backward)"
    ) { IntegratedGradients(steps: $0.steps, rule: $0.rule, baseline: $0.baseline) },
    MethodDescription(
      "expected-gradients", .gradients, "Integrated gradients averaged over a reference set.",
      paper: "Erion et al. 2021", needs: "references (--references)",
      cost: "samples × (1 forward, 1 backward)"
    ) { settings throws(GraphError) in
      guard !settings.references.isEmpty else {
        throw GraphError(.input("expected gradients need a reference set; give one with --references"))
      }
      return ExpectedGradients(
        baselines: settings.references, samples: settings.samples ?? 200, seed: settings.seed)
    },
    MethodDescription(
      "guided-backprop", .gradients, "Gradients that rectifiers pass only where positive.",
      paper: "Springenberg et al. 2015", needs: "rectifiers", cost: onePass
    ) { _ in GuidedBackprop() },
    MethodDescription(
      "deconvnet", .gradients, "Gradients whose rectifiers ignore the input.",
      paper: "Zeiler and Fergus 2014",
      needs: "rectifiers", cost: onePass
    ) { _ in Deconvolution() },
    MethodDescription(
      "bias", .gradients,
      "Share of each element in what biases contribute; the other half of gradient-x-input.",
      paper: "Wang et al. 2019", cost: biasPass
    ) { _ in BiasAttribution() },
    MethodDescription(
      "bias-complete", .gradients, "The same and gradient times input: sums to the output.",
      paper: "Wang et al. 2019", cost: biasPass
    ) { _ in BiasAttribution(includesGradient: true) },
    MethodDescription(
      "bias-uniform", .gradients, "Biases in equal parts to all inputs of a unit.", paper: "Wang et al. 2019",
      cost: biasPass
    ) { _ in BiasAttribution(.uniform) },
    MethodDescription(
      "bias-contribution", .gradients, "Biases by a softmax to inputs that contribute much.",
      paper: "Wang et al. 2019", cost: biasPass + ", products × 1 exponential"
    ) { _ in BiasAttribution(.contribution()) },
    MethodDescription(
      "bias-compensation", .gradients, "Biases by a softmax to inputs that contribute little.",
      paper: "Wang et al. 2019", cost: biasPass + ", products × 1 exponential"
    ) { _ in BiasAttribution(.compensation()) },
    MethodDescription(
      "bias-signed", .gradients, "Biases by a softmax to inputs that pull their way.",
      paper: "Wang et al. 2019", cost: biasPass + ", products × 1 exponential"
    ) { _ in BiasAttribution(.signed()) },
  ]
}
