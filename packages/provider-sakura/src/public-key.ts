/** For messages: how to get the key to upload. */
export const PUBLIC_KEY =
  "in the agent's namespace: kubectl get configmap hikyaku-identity -o jsonpath='{.data.servicePrincipalPublicKey}'";
