"""WHERE: one module an outside tool, and nobody else imports that tool."""
