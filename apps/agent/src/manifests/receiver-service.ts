/** Where an Ingress, or a Gateway, sends notices to. */
export function receiverService(port: number): string {
  return `# Notices of changes: your Ingress or Gateway sends /notices/ here. With several replicas each may take them.
apiVersion: v1
kind: Service
metadata:
  name: hikyaku-notices
  namespace: hikyaku
  labels: { app.kubernetes.io/name: hikyaku }
spec:
  selector: { app.kubernetes.io/name: hikyaku }
  ports:
    - { name: notices, port: ${port}, targetPort: notices }
`;
}
